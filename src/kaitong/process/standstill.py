"""Whether the work of a business (an order) stands still, and why; and when that may have changed.

It stands still while one of its instances has an open incident, or when every piece of work that is
open stands suspended (挂起) and no machine is at work. Waiting for a time or a message is no
standstill: that is how the process goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kaitong.core import db
from kaitong.process import reasons
from kaitong.process.choices import WorkState
from kaitong.process.model import WaitKind
from kaitong.process.models import Suspension

if TYPE_CHECKING:
    from kaitong.process.shell import Play

_WAITS = """select t.wait, count(*) as count from process_instance i
 join process_token t on t.instance_id = i.id
 where i.business_id = %s and i.state = 'running' group by t.wait"""


@dataclass(frozen=True, slots=True)
class Standstill:
    """`incident`, or the `reasons` of what stands suspended; neither: it goes on."""

    incident: bool = False
    reasons: tuple[reasons.Reason, ...] = ()

    @property
    def customer(self) -> bool:
        """Whether only the customer is waited for (缓装)."""
        return bool(self.reasons) and all(reason.customer for reason in self.reasons)


def of_business(business_id: UUID) -> Standstill:
    """How the work of a business stands at this moment."""
    waits: Mapping[str, int] = {r["wait"]: r["count"] for r in db.rows(_WAITS, [business_id])}
    if waits.get(WaitKind.INCIDENT):
        return Standstill(incident=True)
    if not waits.get(WaitKind.WORK) or waits.get(WaitKind.COMMAND):
        return Standstill()
    lines = Suspension.objects.filter(
        workitem__business_id=business_id,
        workitem__state=WorkState.SUSPENDED,
        ended=None,
        voided_at=None,
    )
    found = [
        reasons.reason(given or {}, code)
        for code, given in lines.order_by("since", "id").values_list(
            "reason_code", "workitem__instance__parameters"
        )
    ]
    return Standstill(reasons=tuple(found)) if len(found) == waits[WaitKind.WORK] else Standstill()


def may_have_changed(play: Play, *, ledger: bool) -> bool:
    """Whether a step could make its business stand still, or go on. Asked of every step, so it asks
    the database nothing."""
    change = play.change
    if ledger:
        return True
    if not change.has("tokens_added", "tokens_removed", "tokens_changed"):
        return False
    tokens = (*play.loaded.tokens, *play.state.tokens)
    if not play.loaded.suspended and all(t.wait is not WaitKind.INCIDENT for t in tokens):
        return False  # nothing is in the way, before or after: most steps
    before: dict[Any, WaitKind | None] = {token.id: token.wait for token in play.loaded.tokens}
    after: dict[Any, WaitKind | None] = {token.id: token.wait for token in play.state.tokens}
    stuck = {id_ for id_, wait in before.items() if wait is WaitKind.INCIDENT}
    if stuck != {id_ for id_, wait in after.items() if wait is WaitKind.INCIDENT}:
        return True
    # beside the work that was done or begun there is other work, some of which stands suspended
    return play.loaded.suspended and any(
        wait is WaitKind.WORK and before.get(id_) is wait for id_, wait in after.items()
    )
