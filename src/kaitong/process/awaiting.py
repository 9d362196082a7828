"""The work that waits for a message, by the message's key: a page of what is told links to it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process.choices import OPEN_WORK, SubscriptionState
from kaitong.process.models import Subscription, WorkItem


def work_awaiting(actor: Actor, message: str, keys: Iterable[str]) -> dict[str, UUID]:
    """{key: open work item} of the actor's branches whose boundary event hears this message."""
    wanted = list(keys)
    if not wanted:
        return {}
    waits = Subscription.objects.filter(
        name=message, key__in=wanted, state=SubscriptionState.OPEN
    ).values_list("token_id", "key")
    tokens = dict(waits)
    rows = org.visible_to(WorkItem.objects.filter(token_id__in=tokens, state__in=OPEN_WORK), actor)
    return {tokens[token]: item for token, item in rows.values_list("token_id", "pk")}


def keys_awaited(message: str, limit: int = 500) -> list[str]:
    """Keys for which something waits for this message, the last to begin waiting first: what is
    worth looking for now."""
    rows = Subscription.objects.filter(name=message, state=SubscriptionState.OPEN)
    return list(dict.fromkeys(rows.order_by("-id").values_list("key", flat=True)[:limit]))
