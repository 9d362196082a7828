"""Services as a network element must hold them: read in the order of accounts, for comparing.

Passwords are never handed out for this: who compares gives a salt and gets digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Collate

from kaitong.inventory.choices import ServiceState
from kaitong.inventory.models import Service, Suspension

_BUILT = (ServiceState.INACTIVE, ServiceState.ACTIVE)
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """A service in operation as its network must know it. `digest` is that of its password."""

    service_id: UUID
    branch_id: UUID
    account: str
    logical_id: str
    specification: str
    playbook: str
    version: str
    characteristics: dict[str, Any]
    suspended: tuple[str, ...]
    digest: str
    started: bool = True  # whether it ever worked


def in_operation(
    branch_ids: Collection[UUID],
    salt: str,
    *,
    accounts: Collection[str] | None = None,
    spelled: Callable[[str, str], str] | None = None,
) -> Iterator[Standing]:
    """Services that stand in the network (built, working or shut off), by account in byte order.

    `spelled` makes of an account and its password what the element keeps instead of it, of which
    the digest is then. Of all accounts or of those named; read a page at a time, so that any number
    costs one page.
    """
    rows = Service.objects.filter(branch_id__in=list(branch_ids), state__in=_BUILT)
    rows = rows.exclude(account="").annotate(key=Collate("account", "C")).order_by("key")
    if accounts is not None:
        rows = rows.filter(account__in=list(accounts))
    last = ""
    while page := list(rows.filter(key__gt=last)[:_PAGE]):
        last = page[-1].account
        suspended = _suspended(page)
        for row in page:
            yield _standing(row, suspended, digest(salt, _spelled(row, spelled)))


def _spelled(row: Service, spelled: Callable[[str, str], str] | None) -> str | None:
    if row.password is None:
        return None
    return spelled(row.account, str(row.password)) if spelled else str(row.password)


def standing(
    branch_ids: Collection[UUID],
    specifications: Collection[tuple[str, str]],
    service_ids: Collection[UUID] | None = None,
) -> Iterator[Standing]:
    """Services of these specifications (playbook, key) that stand in the network, by identifier:
    those that are called by that there, not by an account. Read a page at a time."""
    mine = Q()
    for playbook, key in specifications:
        mine |= Q(playbook=playbook, specification=key)
    if not mine:
        return
    rows = Service.objects.filter(mine, branch_id__in=list(branch_ids), state__in=_BUILT)
    rows = rows.defer("password", "former_password", "former_accounts").order_by("pk")
    if service_ids is not None:
        rows = rows.filter(pk__in=list(service_ids))
    last: UUID | None = None
    while page := list((rows.filter(pk__gt=last) if last else rows)[:_PAGE]):
        last = page[-1].pk
        suspended = _suspended(page)
        for row in page:
            yield _standing(row, suspended, "")


def _standing(row: Service, suspended: dict[UUID, list[str]], digested: str) -> Standing:
    return Standing(
        service_id=row.pk,
        branch_id=row.branch_id,
        account=row.account,
        logical_id=row.logical_id,
        specification=row.specification,
        playbook=row.playbook,
        version=row.version,
        characteristics=row.characteristics,
        suspended=tuple(sorted(suspended.get(row.pk, ()))),
        digest=digested,
        started=row.started_at is not None,
    )


def _suspended(page: list[Service]) -> dict[UUID, list[str]]:
    suspended: dict[UUID, list[str]] = {}
    found = Suspension.objects.filter(service__in=page, ended_at=None)
    for service_id, kind in found.values_list("service_id", "kind"):
        suspended.setdefault(service_id, []).append(kind)
    return suspended


def of_services(service_ids: Collection[UUID]) -> dict[UUID, tuple[UUID, str]]:
    """Branch and state of services."""
    rows = Service.objects.filter(pk__in=list(service_ids))
    return {pk: (b, s) for pk, b, s in rows.values_list("pk", "branch_id", "state")}


def of_accounts(accounts: Collection[str]) -> dict[str, tuple[UUID, str]]:
    """Whose accounts are: branch and state of the service that has each."""
    rows = Service.objects.filter(account__in=list(accounts))
    return {a: (b, s) for a, b, s in rows.values_list("account", "branch_id", "state")}


def digest(salt: str, password: str | None) -> str:
    """What two who know a password both get, and nobody else can use: the salt is of one run."""
    if password is None:
        return ""
    return hashlib.sha256((salt + str(password)).encode()).hexdigest()
