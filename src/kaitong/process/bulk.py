"""Several work items at once: each on its own, or all of them or none; every refusal with its row.

Each item is one call of its verb. `all_or_none` holds one transaction and takes the instances by
primary key, as withdrawal does, so that two at once never wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault, KaitongError
from kaitong.org.actor import Actor
from kaitong.process import work
from kaitong.process.models import WorkItem

VERBS = {
    "claim": work.claim,
    "release": work.release,
    "urge": work.urge,
    "dispatch": work.dispatch,
    "transfer": work.transfer,
}
MOST = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item; `why` is empty when it was done."""

    item_id: UUID
    why: str = ""


class _Refused(Exception):
    """One refusal is enough: nothing is done."""


def many(
    *, actor: Actor, verb: str, items: Iterable[UUID], all_or_none: bool = False, **given: Any
) -> list[Outcome]:
    """接单, 放回, 催办, 派单, 转派 of many items, in the order given.

    Without `all_or_none` each is done that can be. With it, one refusal undoes the rest, and the
    outcomes still tell each that would not do.
    """
    act = VERBS.get(verb)
    wanted = list(dict.fromkeys(items))
    if act is None or not wanted or len(wanted) > MOST:
        what = _("一次最多办 %(n)s 张。") % {"n": MOST} if act and wanted else _("没有选工单。")
        raise BadInput([InputFault("items", what, _("请重新选择。"))])
    outcomes: dict[UUID, Outcome] = {}
    if not all_or_none:
        for item_id in wanted:
            outcomes[item_id] = _one(act, actor, item_id, given)
        return [outcomes[item_id] for item_id in wanted]
    owner = dict(WorkItem.objects.filter(pk__in=wanted).values_list("pk", "instance_id"))
    by_instance = sorted(wanted, key=lambda i: (owner.get(i, i), i))
    try:
        with transaction.atomic():
            for item_id in by_instance:
                outcomes[item_id] = _one(act, actor, item_id, given)
            if any(outcome.why for outcome in outcomes.values()):
                raise _Refused
    except _Refused:
        pass
    return [outcomes[item_id] for item_id in wanted]


def _one(act: Any, actor: Actor, item_id: UUID, given: dict[str, Any]) -> Outcome:
    try:
        act(actor=actor, item_id=item_id, **given)
    except KaitongError as refused:
        return Outcome(item_id, str(refused))
    return Outcome(item_id)
