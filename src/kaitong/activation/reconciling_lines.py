"""Reconciliation of a DHCP server: its reservations beside the services that are lines there.

Both sides are read in the order of the services' names at the server, a page at a time. A
reservation that is not of our making (made by hand there) is one more: a line served that nobody
pays for. It is told by its circuit, marked, since it has no service's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from kaitong.activation import kinds, services, wanting
from kaitong.activation.adapters.circuits import Reserved, service_id_of
from kaitong.activation.adapters.dhcp import KeaAdapter
from kaitong.activation.choices import DifferenceKind, ElementKind
from kaitong.activation.found import Found
from kaitong.activation.models import NetworkElement, Reconciliation
from kaitong.catalog import queries as catalog
from kaitong.inventory import reckoning
from kaitong.inventory.reckoning import Standing


def compared(
    element: NetworkElement,
    branches: Sequence[UUID],
    names: Sequence[str] | None,
    run: Reconciliation | None,
) -> Iterator[Found]:
    """What differs, of all or of those named. A service that never worked is on its way: what the
    server does not hold of it yet is not missing."""
    speaker = services.adapter(element)
    assert isinstance(speaker, KeaAdapter)
    ids = None if names is None else [i for i in map(service_id_of, names) if i is not None]
    ours = reckoning.standing(branches, catalog.sent_to(ElementKind.DHCP), ids)
    theirs = speaker.reserved(names)
    here, there = next(ours, None), next(theirs, None)
    last: Standing | None = None
    count = 0
    try:
        while here is not None or there is not None:
            mine = _name(here) if here is not None else ""
            count += 1
            if there is None or (here is not None and mine < there.name):
                assert here is not None
                if here.started and _at_dhcp(here):
                    circuit = _circuit(here)
                    yield _found(here, DifferenceKind.MISSING, [("circuit", circuit, "")])
                here = next(ours, None)
            elif last is not None and there.name == _name(last):  # a second line of one service
                second = ("circuit", _circuit(last), there.circuit)
                yield _found(last, DifferenceKind.DIFFERENT, [second])
                there = next(theirs, None)
            elif here is None or there.name < mine:
                yield Found(
                    there.name,
                    DifferenceKind.EXTRA,
                    element.branch_id,
                    fields=(("circuit", "", there.circuit), ("plan", "", there.client_class)),
                )
                there = next(theirs, None)
            else:
                fields = _unlike(here, there, speaker)
                if here.started and fields:
                    yield _found(here, DifferenceKind.DIFFERENT, fields)
                last, here, there = here, next(ours, None), next(theirs, None)
    finally:
        theirs.close()  # type: ignore[attr-defined]
    if run is not None:
        run.compared = count


def whose(names: Sequence[str]) -> dict[str, tuple[UUID, str]]:
    """Branch and state of the service each name is of; those of nobody are left out."""
    ids = {name: found for name in names if (found := service_id_of(name)) is not None}
    known = reckoning.of_services(ids.values())
    return {name: known[found] for name, found in ids.items() if found in known}


def _name(here: Standing) -> str:
    return kinds.of(ElementKind.DHCP).name(here)


def _at_dhcp(here: Standing) -> bool:
    return wanting.kind_of(here) == ElementKind.DHCP


def _circuit(here: Standing) -> str:
    return str(wanting.mapped(here, ElementKind.DHCP).get("circuit_id") or "")


def _found(here: Standing, kind: DifferenceKind, fields: list[tuple[str, str, str]]) -> Found:
    return Found(_name(here), kind, here.branch_id, here.service_id, tuple(fields))


def _unlike(here: Standing, there: Reserved, speaker: KeaAdapter) -> list[tuple[str, str, str]]:
    """Fields that differ: the inventory's value and the server's. The circuit is always told,
    because it is what people know the line by."""
    wanted = wanting.mapped(here, ElementKind.DHCP)
    circuit = str(wanted.get("circuit_id") or "")
    kind = wanting.weightiest(here.suspended)
    barred = set(speaker.barred_classes.values())
    must = speaker.barred_class(kind) if kind else "open"
    shut = there.client_class if there.client_class in barred else "open"
    fields = []
    if must != shut:
        fields.append(("state", must, shut))
    elif not kind:
        wanted_class = str(wanted.get("client_class") or speaker.client_class)
        if there.client_class != wanted_class:
            fields.append(("plan", wanted_class, there.client_class))
    if fields or circuit != there.circuit:
        fields.insert(0, ("circuit", circuit, there.circuit))
    return fields
