"""Drafts of the counter (受理草稿): what a clerk has entered so far, and the port held for it.

A draft's identifier is the order's that will be made of it, so that the port held for the draft is
the order's by itself. The countdown belongs to inventory: `held_until` only repeats it. Locks: the
draft, then inventory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.documents import services as documents
from kaitong.documents.models import Attachment
from kaitong.inventory import services as inventory
from kaitong.inventory.services import NoPort, PortTaken
from kaitong.ordering import evidence
from kaitong.ordering.choices import DraftState
from kaitong.ordering.errors import DraftGone, OrderNotFound, OrderRefused
from kaitong.ordering.models import Draft, Order
from kaitong.ordering.number_choice import NumberRange
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.places import queries as places

CLERK = "clerk"
LIVING = (DraftState.OPEN, DraftState.EXPIRED)
# People's data of a request nobody finished is not kept longer than this.
FORGOTTEN_AFTER = timedelta(days=1)
_NO_DATA = "{}"


def open_draft(*, actor: Actor, draft_id: UUID, data: Mapping[str, Any]) -> Draft:
    """Begin a draft under an identifier the page chose, or go on with it. Keeps `data`."""
    clerk_id, branch_id = _clerk(actor)
    with transaction.atomic():
        if Order.objects.filter(pk=draft_id).exists():
            _refuse_taken(draft_id)
        draft, _made = Draft.objects.get_or_create(
            pk=draft_id,
            defaults={"branch_id": branch_id, "clerk_id": clerk_id, "sealed": _NO_DATA},
        )
        documents.hold_uploads(
            actor=actor, owner_id=draft.pk, until=now() + FORGOTTEN_AFTER + timedelta(hours=1)
        )
        return _keep(_living(actor, draft.pk), data)


def keep(*, actor: Actor, draft_id: UUID, data: Mapping[str, Any]) -> Draft:
    """Replace what was entered; the port and its countdown stay as they are."""
    with transaction.atomic():
        return _keep(_living(actor, draft_id), data)


def choose(
    *, actor: Actor, draft_id: UUID, address_id: UUID | None = None, hold_for: timedelta
) -> PortTaken | NoPort:
    """Choose the address and hold a port there for a while (the playbook's `port_hold`).

    Without an address: hold again at the one chosen before, be it to gain time or because the
    countdown ran out. A port held until now is given back first, in the same transaction, so that
    nobody can come between. NoPort leaves the address chosen and no port held: it may be recorded
    as demand (BB-17).
    """
    with transaction.atomic():
        draft = _living(actor, draft_id)
        if address_id is not None:
            draft.address_id = places.address(actor, address_id).pk
        if draft.address_id is None:
            raise OrderRefused(_("还没有选装机地址。"), _("请先选地址。"), field="address")
        inventory.release_port(actor=actor, order_id=draft.pk, reason="草稿重新配线")
        answer = inventory.take_port(
            actor=actor,
            order_id=draft.pk,
            address_id=draft.address_id,
            hold_for=hold_for,
        )
        held = isinstance(answer, PortTaken)
        draft.held_until = answer.reserved_until if isinstance(answer, PortTaken) else None
        draft.port = answer.text if held else ""
        draft.state, draft.updated_at = DraftState.OPEN, now()
        draft.save(update_fields=["address_id", "held_until", "port", "state", "updated_at"])
    return answer


def pick_number(
    *,
    actor: Actor,
    draft_id: UUID,
    number: str,
    chosen: NumberRange | None,
    let_go: bool = False,
) -> None:
    """选号: hold a telephone number while the customer decides; none: what was held is free.
    `let_go` frees what this clerk holds too many elsewhere.

    Raises NumberGone when somebody else has it by now.
    """
    with transaction.atomic():
        draft = _living(actor, draft_id)
        if not number or chosen is None:
            inventory.release_numbers(holder=draft.pk)
            return
        chosen.hold(
            actor=actor,
            branch_id=draft.branch_id,
            number=number,
            holder=draft.pk,
            let_go=let_go,
        )


def drop(*, actor: Actor, draft_id: UUID) -> None:
    """Give up a draft: its port is free at once and what was entered is forgotten."""
    with transaction.atomic():
        draft = _locked(actor, draft_id)
        if draft.state not in LIVING:
            return
        inventory.release_port(actor=actor, order_id=draft.pk, reason="放弃草稿")
        inventory.release_numbers(holder=draft.pk)
        documents.discard_uploads(owner_ids=[draft.pk])
        _end(draft, DraftState.DROPPED)


def store_photo(
    *, actor: Actor, draft_id: UUID, slot: str, data: bytes, watermark: str
) -> Attachment:
    """Keep a photo of a document for a draft (VER-05). Retaking replaces it.

    The countdown of the port does not matter: a draft whose port went keeps its photos.
    """
    kind = evidence.kind_of(slot)
    if not kind:
        raise OrderRefused(_("没有这张照片的位置。"), _("请刷新页面。"), field=slot)
    draft = draft_of(actor, draft_id) or open_draft(actor=actor, draft_id=draft_id, data={})
    if draft.state == DraftState.TAKEN:
        _refuse_taken(draft_id)
    if draft.state not in LIVING:
        raise _gone()
    return documents.store_photo(
        actor=actor,
        data=data,
        kind=kind,
        owner_type="draft",
        owner_id=draft.pk,
        branch_id=draft.branch_id,
        watermark=watermark,
        slot=slot,
    )


def take(*, actor: Actor, draft_id: UUID) -> Draft | None:
    """Lock a draft for the order that is being made of it; None when that was done before.

    Called by `submit` within its transaction: of two submissions at once the second waits here.
    """
    draft = _locked(actor, draft_id)
    if draft.state == DraftState.TAKEN:
        return None
    if draft.state == DraftState.DROPPED:
        raise _gone()
    _end(draft, DraftState.TAKEN)
    return draft


def mark_expired() -> int:
    """Mark the drafts whose countdown ran out, and forget those nobody came back to.

    Called by the worker beside `inventory.expire_reservations`, any number of workers at once. A
    draft somebody is working on at this instant is left for the next time.
    """
    moment = now()
    marked = 0
    with transaction.atomic():
        due = Draft.objects.filter(state=DraftState.OPEN, held_until__lte=moment).order_by("pk")
        ids = [row.pk for row in due.select_for_update(skip_locked=True, no_key=True)[:200]]
        marked = Draft.objects.filter(pk__in=ids).update(state=DraftState.EXPIRED)
        old = Draft.objects.filter(
            state__in=LIVING, updated_at__lte=moment - FORGOTTEN_AFTER
        ).order_by("pk")
        forgotten = list(old.select_for_update(skip_locked=True, no_key=True)[:200])
        for draft in forgotten:
            _end(draft, DraftState.DROPPED)
        documents.discard_uploads(owner_ids=[draft.pk for draft in forgotten])
    return marked


# ---- reading -------------------------------------------------------------------------------------


def draft_of(actor: Actor, draft_id: UUID) -> Draft | None:
    """The clerk's own draft; None when nothing was kept under this identifier.

    Raises OrderNotFound when it is somebody else's.
    """
    found = Draft.objects.filter(pk=draft_id).first()
    if found is not None and not _own(actor, found):
        raise _absent()
    return found


def drafts_of(actor: Actor, *, limit: int = 20) -> list[Draft]:
    """The clerk's own unfinished drafts that have an address, the newest first."""
    if actor.id is None:
        return []
    rows = visible_to(Draft.objects.defer("sealed"), actor)
    found = rows.filter(clerk_id=actor.id, state__in=LIVING, address_id__isnull=False)
    return list(found.order_by("-updated_at")[:limit])


def entered(draft: Draft) -> dict[str, Any]:
    """What was entered, in clear: for the clerk's own page and for `submit`."""
    data: dict[str, Any] = json.loads(draft.sealed or _NO_DATA)
    return data


# ---- inside --------------------------------------------------------------------------------------


def _clerk(actor: Actor) -> tuple[UUID, UUID]:
    if not actor.has_post(CLERK) or actor.branch_id is None or actor.id is None:
        raise OrderRefused(_("只有营业员可以受理。"), _("请用营业员的账号。"))
    return actor.id, actor.branch_id


def _own(actor: Actor, draft: Draft) -> bool:
    return actor.sees(draft.branch_id) and draft.clerk_id == actor.id


def _locked(actor: Actor, draft_id: UUID) -> Draft:
    draft = Draft.objects.select_for_update(no_key=True).filter(pk=draft_id).first()
    if draft is None or not _own(actor, draft):
        raise _absent()
    return draft


def _living(actor: Actor, draft_id: UUID) -> Draft:
    draft = _locked(actor, draft_id)
    if draft.state == DraftState.TAKEN:
        _refuse_taken(draft_id)
    if draft.state not in LIVING:
        raise _gone()
    return draft


def _keep(draft: Draft, data: Mapping[str, Any]) -> Draft:
    draft.sealed = json.dumps(dict(data), ensure_ascii=False)
    draft.updated_at = now()
    draft.save(update_fields=["sealed", "updated_at"])
    return draft


def _end(draft: Draft, state: str) -> None:
    draft.state, draft.updated_at = state, now()
    draft.held_until, draft.sealed = None, _NO_DATA
    draft.save(update_fields=["state", "updated_at", "held_until", "sealed"])


def _absent() -> OrderNotFound:
    return OrderNotFound(_("没有这张草稿。"), _("请重新受理。"))


def _gone() -> DraftGone:
    return DraftGone(_("这张草稿已经放弃。"), _("请重新受理。"))


def _refuse_taken(draft_id: UUID) -> None:
    raise DraftGone(_("这张草稿已经受理成订单。"), _("请打开订单查看。"), code="draft-taken")
