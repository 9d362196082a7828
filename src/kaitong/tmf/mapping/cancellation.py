"""Between a withdrawal (撤单) of ours and TMF641's CancelServiceOrder."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.ordering.choices import OrderState
from kaitong.ordering.models import Withdrawal
from kaitong.tmf.errors import BadQuery
from kaitong.tmf.filters import Criterion
from kaitong.tmf.mapping.incoming import DOCUMENT
from kaitong.tmf.mapping.outgoing import moment

Address = Callable[[UUID], str]


def cancellation(row: Withdrawal, *, href: Address, order_href: Address) -> dict[str, Any]:
    """The whole body: what was sent as it was kept, over it what the server owns."""
    body: dict[str, Any] = dict(row.ext.get(DOCUMENT) or {"@type": "CancelServiceOrder"})
    body |= {
        "id": str(row.pk),
        "href": href(row.pk),
        "cancellationReason": body.get("cancellationReason") or row.reason_code,
        "state": "inProgress" if _going(row) else "done",
        "serviceOrder": {
            **(body.get("serviceOrder") or {}),
            "id": str(row.order_id),
            "href": order_href(row.order_id),
        },
    }
    if not _going(row) and row.order.completed_at is not None:
        body["effectiveCancellationDate"] = moment(row.order.completed_at)
    return body


def _going(row: Withdrawal) -> bool:
    return row.order.state == OrderState.PENDING_CANCELLATION


@dataclass
class Wanted:
    """What ordering can be asked for."""

    ids: list[UUID] | None = None
    order_ids: list[UUID] | None = None
    ended: bool | None = None
    nothing: bool = False  # the demands contradict each other or name nothing of ours


def wanted(criteria: Iterable[Criterion]) -> Wanted:
    """The criteria in ordering's words: withdrawals are found by id, state and order."""
    found = Wanted()
    for criterion in criteria:
        if criterion.op not in ("eq", "in"):
            raise BadQuery(_("只能比相等，不能比大小。"), field=criterion.name)
        values = list(criterion.value) if criterion.op == "in" else [criterion.value]
        match criterion.path:
            case ("id",):
                found.ids = _both(found.ids, values)
            case ("serviceOrder", "id"):
                found.order_ids = _both(found.order_ids, values)
            case ("state",):
                ended = {value == "done" for value in values if value in ("inProgress", "done")}
                if not ended or (found.ended is not None and found.ended not in ended):
                    found.nothing = True
                elif len(ended) == 1:
                    found.ended = ended.pop()
            case _:
                raise BadQuery(
                    _("不能用作筛选条件。"),
                    _("撤单任务可按 id、state 和 serviceOrder.id 查。"),
                    field=criterion.name,
                )
    found.nothing |= found.ids == [] or found.order_ids == []
    return found


def _both(known: list[UUID] | None, values: list[Any]) -> list[UUID]:
    given = []
    for value in values:
        try:
            given.append(UUID(str(value)))
        except ValueError:
            continue
    return given if known is None else [one for one in known if one in given]
