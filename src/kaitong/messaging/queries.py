"""Reading the outbox. Addresses are masked; texts are read by verbs that record it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from kaitong.messaging.choices import UNSENT, NoticeState
from kaitong.messaging.errors import NoticeNotFound
from kaitong.messaging.models import Notice
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to

FAILING_TRIES = 3  # so many tries in vain and a channel is called failing


def of_order(actor: Actor, order_id: UUID) -> list[Notice]:
    """An order's notices, oldest first, sealed parts left aside."""
    return list(_visible(actor).filter(order_id=order_id).order_by("id"))


def notice(actor: Actor, notice_id: UUID, *, lock: bool = False) -> Notice:
    """One notice, or ``NoticeNotFound``."""
    rows = visible_to(Notice.objects.all(), actor)
    if lock:
        rows = rows.select_for_update(no_key=True)
    found = rows.filter(pk=notice_id).first()
    if found is None:
        raise NoticeNotFound(_("没有这条通知。"), _("请核对编号和所在分公司。"))
    return found


def notices(
    actor: Actor,
    *,
    states: Sequence[str] = (),
    channel: str = "",
    order_ids: Iterable[UUID] | None = None,
    offset: int = 0,
    limit: int = 50,
) -> tuple[list[Notice], int]:
    """A page of notices, newest first, and how many there are in all."""
    rows = _visible(actor)
    if states:
        rows = rows.filter(state__in=list(states))
    if channel:
        rows = rows.filter(channel=channel)
    if order_ids is not None:
        rows = rows.filter(order_id__in=list(order_ids))
    return list(rows.order_by("-id")[offset : offset + limit]), rows.count()


def counts(actor: Actor) -> dict[str, int]:
    """How many notices are to be sent, are given up, and are tried in vain again and again."""
    open_rows = _visible(actor).filter(state__in=[*UNSENT, NoticeState.QUEUED, NoticeState.SENDING])
    found = dict(
        open_rows.order_by().values_list("state").annotate(n=Count("id")).values_list("state", "n")
    )
    found["trying"] = open_rows.filter(state=NoticeState.QUEUED, tries__gte=FAILING_TRIES).count()
    return found


def _visible(actor: Actor) -> QuerySet[Notice]:
    return visible_to(Notice.objects.defer("address", "text"), actor)


def known_keys(keys: Iterable[str]) -> set[str]:
    """Which of these notices are in the outbox already, in one query."""
    return set(Notice.objects.filter(key__in=list(keys)).values_list("key", flat=True))
