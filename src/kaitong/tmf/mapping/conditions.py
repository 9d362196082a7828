"""From filters in TM Forum's words to filters over what `ordering` keeps."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.ordering.requests import OrderFilter
from kaitong.tmf.contract.vocabulary import Attribute, Kind
from kaitong.tmf.errors import BadQuery
from kaitong.tmf.filters import Criterion
from kaitong.tmf.mapping.incoming import DOCUMENT

#: First-level attributes that stand in columns.
_COLUMNS = {
    "id": "id",
    "state": "state",
    "externalId": "external_id",
    "category": "category",
    "priority": "priority",
    "description": "description",
    "orderDate": "ordered_at",
    "startDate": "started_at",
    "completionDate": "completed_at",
    "expectedCompletionDate": "due_at",
    "requestedStartDate": "requested_start",
    "requestedCompletionDate": "requested_completion",
}
#: Attributes whose answer is made by the server: what was sent says nothing about them.
_MADE = frozenset(
    {"href", "errorMessage", "jeopardyAlert", "milestone", "serviceOrderItem.state"}
    | {f"serviceOrderItem.service.{name}" for name in ("id", "href", "state")}
)
_PERSONAL = frozenset(
    {"name", "contactMedium", "individualIdentification", "organizationIdentification"}
)
_SHOWN_IN_MILLISECONDS = frozenset({"ordered_at", "started_at", "completed_at", "due_at"})
_MILLISECOND = timedelta(milliseconds=1)
_NOTHING = UUID(int=0)


def conditions(criteria: Iterable[Criterion]) -> list[OrderFilter]:
    """The criteria as conditions on columns, or on the document that was kept."""
    return [condition for criterion in criteria for condition in _conditions(criterion)]


def _conditions(criterion: Criterion) -> list[OrderFilter]:
    column = _COLUMNS.get(criterion.name)
    if column == "id":
        return [_by_id(criterion)]
    if criterion.op == "eq" and column in _SHOWN_IN_MILLISECONDS:
        return [
            OrderFilter(field=column, op="gte", value=criterion.value),
            OrderFilter(field=column, op="lt", value=criterion.value + _MILLISECOND),
        ]
    if column is not None:
        return [OrderFilter(field=column, op=criterion.op, value=criterion.value)]
    if _is_made(criterion.path):
        raise BadQuery(_("不能用作筛选条件。"), field=criterion.name)
    if criterion.op != "eq":
        raise BadQuery(_("只能比相等，不能比大小。"), field=criterion.name)
    # A UUID means the customer as Kaitong knows them; any other id is one that was sent.
    if criterion.path == ("relatedParty", "id") and _uuid(criterion.value) != _NOTHING:
        return [OrderFilter(field="party_id", op="eq", value=_uuid(criterion.value))]
    return [OrderFilter(field="ext", op="contains", value={DOCUMENT: _pattern(criterion)})]


def _is_made(path: tuple[str, ...]) -> bool:
    """True for what the server makes, and for people's data, which the document holds masked."""
    return (
        path[0] in _MADE
        or ".".join(path) in _MADE
        or any(part == "relatedParty" and inner in _PERSONAL for part, inner in pairwise(path))
    )


def _by_id(criterion: Criterion) -> OrderFilter:
    """Identifiers that are none of ours match nothing; that is no fault of the question."""
    values = criterion.value if criterion.op == "in" else (criterion.value,)
    if criterion.op not in ("eq", "in"):
        raise BadQuery(_("只能比相等，不能比大小。"), field=criterion.name)
    return OrderFilter(field="id", op="in", value=tuple(_uuid(value) for value in values))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return _NOTHING


def _pattern(criterion: Criterion) -> dict[str, Any]:
    """What the kept document must contain: {"note": [{"author": "..."}]}."""
    value: Any = criterion.value
    if isinstance(value, datetime):  # dates of a document are kept as they were written
        value = criterion.written
    for name, attribute in zip(
        reversed(criterion.path), reversed(criterion.attributes), strict=True
    ):
        value = {name: [value] if _is_list(attribute) else value}
    found: dict[str, Any] = value
    return found


def _is_list(attribute: Attribute | None) -> bool:
    return attribute is not None and attribute.many and not isinstance(attribute.type, Kind)
