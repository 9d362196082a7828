"""What a service wants of the network, by its playbook and its standing; asks the inventory only.

A service's specification says in `activates: [{on, map}]` which kind of element it lives at and
what that element is told of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kaitong.activation.choices import ElementKind
from kaitong.catalog import queries as catalog
from kaitong.catalog.errors import NotOffered
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import SuspensionKind
from kaitong.inventory.reckoning import Standing
from kaitong.inventory.results import ServiceView
from kaitong.process import feel

# names in `activates: map:` that are read from the service itself and never worked out: the account
# is its name, the password a secret that no expression may touch
_OWN_NAMES = frozenset({"account", "password"})
_WEIGHT = (SuspensionKind.ADMINISTRATIVE, SuspensionKind.ARREARS, SuspensionKind.REQUEST)


def kind_of(service: ServiceView | Standing) -> str:
    """The kind of element a service lives at: the first its specification names.

    A service whose specification is not there or names none is an account of the AAA server.
    """
    try:
        entries = _activates(service)
    except NotOffered:
        return ElementKind.AAA
    return str(entries[0].get("on")) if entries else ElementKind.AAA


def kind_of_specification(playbook: str, version: str, specification: str) -> str:
    """`kind_of` of services that nobody has read."""
    try:
        found = catalog.service_specification(specification, playbook=playbook, version=version)
    except NotOffered:
        return ElementKind.AAA
    return str(found.activates[0].get("on")) if found.activates else ElementKind.AAA


def mapped(service: ServiceView | Standing, on: str) -> dict[str, Any]:
    """The values of `activates: [{on, map}]` for an element's kind."""
    known = {
        **service.characteristics,
        "account": service.account,
        "logical_id": service.logical_id,
        "specification": service.specification,
        "characteristics": service.characteristics,
    }
    found: dict[str, Any] = {}
    for entry in _activates(service):
        if entry.get("on") != on:
            continue
        mapping: Mapping[str, Any] = entry.get("map") or {}
        for name, text in mapping.items():
            if name in _OWN_NAMES:
                continue
            where = f"{service.playbook}: activates {on}.{name}"
            found[name] = (
                feel.compile(text, where=where).evaluate(known) if isinstance(text, str) else text
            )
    return found


def barred_for(service: ServiceView) -> str:
    """The kind of suspension that stands, "" for none. Of several the one the customer hears: what
    he cannot mend by himself comes first."""
    return weightiest(s.kind for s in inventory.suspensions([service.id]).get(service.id, ()))


def weightiest(kinds: Iterable[str]) -> str:
    held = set(kinds)
    return next((str(kind) for kind in _WEIGHT if kind in held), "")


def _activates(service: ServiceView | Standing) -> list[Mapping[str, Any]]:
    specification = catalog.service_specification(
        service.specification, playbook=service.playbook, version=service.version
    )
    return list(specification.activates)
