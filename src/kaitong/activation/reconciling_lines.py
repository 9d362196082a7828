"""Reconciliation of a DHCP server: its reservations and leases beside the services on its lines.

Both sides are read in the order of the services' names at the server, a page at a time. A
reservation that is not of our making (made by hand there) is one more: a line served that nobody
pays for. It is told by its circuit, marked, since it has no service's name. So is a lease held on a
line that no service in operation has, or has any more: a box that watches on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from kaitong.activation import kinds, services, wanting
from kaitong.activation.adapters.circuits import Reserved, called, service_id_of
from kaitong.activation.adapters.dhcp import KeaAdapter
from kaitong.activation.choices import DifferenceKind, ElementKind
from kaitong.activation.found import Found
from kaitong.activation.models import NetworkElement, Reconciliation
from kaitong.catalog import queries as catalog
from kaitong.inventory import reckoning
from kaitong.inventory.reckoning import Standing

_PAGE = 500  # leases looked at together


def compared(
    element: NetworkElement,
    branches: Sequence[UUID],
    names: Sequence[str] | None,
    run: Reconciliation | None,
) -> Iterator[Found]:
    """What differs, of all or of those named: one difference for a line, whatever it is about."""
    found = {one.account: one for one in _reservations(element, branches, names, run)}
    for one in _leases(element, branches, names):
        other = found.get(one.account)
        if other is not None:
            told = {field[0] for field in other.fields}
            more = tuple(field for field in one.fields if field[0] not in told)
            one = replace(other, fields=other.fields + more)
        found[one.account] = one
    return iter(found.values())


def _leases(
    element: NetworkElement, branches: Sequence[UUID], names: Sequence[str] | None
) -> Iterator[Found]:
    """Leases that no service in operation is the ground for: of one suspended, ended, or on another
    line by now; of nobody. The youngest of several on a line is told."""
    speaker = services.adapter(element)
    assert isinstance(speaker, KeaAdapter)
    held = speaker.holdings(names)
    try:
        while page := list(itertools.islice(held, _PAGE)):
            ids = {found for name, _ in page if (found := service_id_of(name)) is not None}
            asked = reckoning.standing(branches, catalog.sent_to(ElementKind.DHCP), ids)
            standing = {one.service_id: one for one in asked}
            for name, lease in page:
                who = called(name, lease)
                if names is not None and who not in names:
                    continue
                here = standing.get(service_id_of(name) or element.pk)
                told = ("lease", "", f"{lease.address} {lease.mac}")
                if here is None:
                    circuit = ("circuit", "", lease.circuit or lease.address)
                    yield Found(
                        who, DifferenceKind.EXTRA, element.branch_id, fields=(circuit, told)
                    )
                elif here.suspended or (_at_dhcp(here) and lease.circuit != _circuit(here)):
                    circuit = ("circuit", _circuit(here), lease.circuit)
                    yield _found(here, DifferenceKind.DIFFERENT, [circuit, told])
    finally:
        held.close()  # type: ignore[attr-defined]


def _reservations(
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
