"""What a service had before: the password before the last, kept, encrypted, until the network has
been seen to refuse it; and its names, those that are mobile numbers encrypted too."""

from __future__ import annotations

import json
from uuid import UUID

from django.db import transaction

from kaitong.core import audit, db
from kaitong.core.masking import mask_account
from kaitong.inventory.locking import locked_service
from kaitong.inventory.models import Service
from kaitong.org.actor import Actor

FORMER = "former_accounts"  # in a service's `ext`: names it had in the network, as people see them


@db.whole()
def reveal_former_password(*, actor: Actor, service_id: UUID, reason: str) -> str:
    """The password before the last, for asking the network whether it is refused; "" when none."""
    service = locked_service(actor, service_id)
    if service.former_password is None:
        return ""
    audit.record(
        "password-read",
        actor_id=actor.id,
        subject_type="inventory.service",
        subject_id=service.pk,
        branch_id=service.branch_id,
        data={"reason": reason[:200]},
    )
    return str(service.former_password)


@db.whole()
def forget_former_password(*, actor: Actor, service_id: UUID, password: str) -> None:
    """The network refuses it: it need not be kept. One that came meanwhile stays."""
    service = locked_service(actor, service_id)
    if service.former_password == password:
        service.former_password = None
        service.save(update_fields=["former_password"])


def keep_account(service: Service, account: str) -> None:
    """Note a name the service no longer goes by; whoever calls locks and saves."""
    told = mask_account(account)
    service.ext = {**service.ext, FORMER: [*service.ext.get(FORMER, ()), told]}
    if told != account:
        kept = [one for one in _sealed(service) if one != account]
        service.former_accounts = json.dumps([*kept, account])


def former_account(service_id: UUID, told: str) -> str:
    """The name that a process or a note calls `told`: masked when it is a mobile number. What the
    service never was called is given back as it came."""
    if "*" not in told:
        return told
    service = Service.objects.only("former_accounts").filter(pk=service_id).first()
    names = reversed(_sealed(service)) if service is not None else ()
    return next((name for name in names if mask_account(name) == told), told)


def seal_former_accounts(*, after: UUID | None = None, batch: int = 500) -> tuple[int, UUID | None]:
    """Former names that are mobile numbers and stand in clear, from before they were sealed, are
    kept as `keep_account` keeps them now, a batch of services at a time: how many services were
    changed, and after which to go on; None at the end. Nothing is lost: `former_account` finds
    the names.

    Once done again changes nothing; killed between two batches it goes on.
    """
    with transaction.atomic():
        rows = Service.objects.only("ext", "former_accounts").filter(ext__has_key=FORMER)
        if after is not None:
            rows = rows.filter(pk__gt=after)
        found = list(rows.order_by("pk").select_for_update(no_key=True)[:batch])
        changed = 0
        for service in found:
            told = [str(one) for one in service.ext[FORMER]]
            clear = [one for one in told if mask_account(one) != one]
            if not clear:
                continue
            kept = [one for one in _sealed(service) if one not in clear]
            service.former_accounts = json.dumps([*dict.fromkeys(clear), *kept])
            service.ext = {**service.ext, FORMER: [mask_account(one) for one in told]}
            service.save(update_fields=["ext", "former_accounts"])
            changed += 1
    return changed, found[-1].pk if len(found) == batch else None


def _sealed(service: Service) -> list[str]:
    found: list[str] = json.loads(str(service.former_accounts or "[]"))
    return found
