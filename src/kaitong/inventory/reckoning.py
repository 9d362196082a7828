"""Services as a network element must hold them: read in the order of accounts, for comparing.

Passwords are never handed out for this: who compares gives a salt and gets digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from kaitong.core import plain
from kaitong.core.crypto import unseal
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.models import PASSWORD, Service

_BUILT = (ServiceState.INACTIVE, ServiceState.ACTIVE)
_PAGE = 1000
# in byte order of the accounts, along the index made for it; no row of a model is made of these
_BY_ACCOUNT = """select id, branch_id, account, logical_id, specification, playbook, version,
 characteristics, password, started_at is not null from inventory_service
 where branch_id = any(%s::uuid[]) and state = any(%s::text[]) and account <> ''"""
_NEXT = """ and account collate "C" > %s order by account collate "C" limit %s"""
_SUSPENDED = """select service_id, kind from inventory_suspension
 where service_id = any(%s::uuid[]) and ended_at is null"""


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
    params: list[Any] = [plain.array(branch_ids), plain.array(_BUILT)]
    text = _BY_ACCOUNT
    if accounts is not None:
        params.append(plain.array(accounts))
        text += " and account = any(%s::text[])"
    text += _NEXT
    last = ""
    documents: dict[str, dict[str, Any]] = {}  # services of a plan have the same characteristics
    while rows := plain.ask(text, [*params, last, _PAGE]):
        last = rows[-1][2]
        suspended = _suspended([row[0] for row in rows])
        for pk, branch_id, account, logical_id, key, playbook, version, told, sealed, ever in rows:
            known = documents.get(told)
            if known is None:
                if len(documents) >= _PAGE:
                    documents.clear()
                known = documents[told] = json.loads(told)
            password = None if sealed is None else unseal(PASSWORD, pk, sealed).decode()
            if password is not None and spelled is not None:
                password = spelled(account, password)
            yield Standing(
                service_id=pk,
                branch_id=branch_id,
                account=account,
                logical_id=logical_id,
                specification=key,
                playbook=playbook,
                version=version,
                characteristics=known,
                suspended=tuple(sorted(suspended.get(pk, ()))),
                digest=digest(salt, password),
                started=ever,
            )


def counted(branch_ids: Collection[UUID], *, named: bool) -> dict[tuple[UUID, str, str, str], int]:
    """How many services stand in the network, by branch, playbook, version and specification;
    `named`: only those that have an account. One statement, no row of a service is read."""
    rows = Service.objects.filter(branch_id__in=list(branch_ids), state__in=_BUILT)
    if named:
        rows = rows.exclude(account="")
    by = ("branch_id", "playbook", "version", "specification")
    return {tuple(row[:4]): row[4] for row in rows.values_list(*by).annotate(n=Count("pk"))}


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
        suspended = _suspended([row.pk for row in page])
        for row in page:
            yield _standing(row, suspended)


def _standing(row: Service, suspended: dict[UUID, list[str]]) -> Standing:
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
        digest="",
        started=row.started_at is not None,
    )


def _suspended(service_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    suspended: dict[UUID, list[str]] = {}
    for service_id, kind in plain.ask(_SUSPENDED, [plain.array(service_ids)]):
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
