"""The lock order of the house, in one place.

Whoever locks more than one of these in a transaction takes them in this order:

1. process instance   (`FOR NO KEY UPDATE`, by the process store)
2. order              (numbers it binds, sorted; then `lock_rows` on ordering)
3. party
4. inventory          (always ordered by primary key)
5. charging
6. number counters    (last, because they are the hottest)

The hall stands before all of them: its day, its counters, its queue numbers, then what is made for
a number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from django.db import models

from kaitong.core import plain

M = TypeVar("M", bound=models.Model)


def lock_rows(queryset: models.QuerySet[M], ids: Iterable[UUID]) -> list[M]:
    """Lock rows by primary key, always in the same order, and return them in it."""
    return list(queryset.filter(pk__in=list(ids)).order_by("pk").select_for_update(no_key=True))


def lock_ids(queryset: models.QuerySet[M], ids: Iterable[UUID]) -> list[UUID]:
    """Lock rows as `lock_rows` does, where nobody needs the rows themselves."""
    locked = queryset.filter(pk__in=list(ids)).order_by("pk").select_for_update(no_key=True)
    return list(locked.values_list("pk", flat=True))


def lock_row(queryset: models.QuerySet[M], row_id: UUID) -> M | None:
    """Lock one row; None when it does not exist."""
    if _is_whole(queryset):
        return plain.by_key(queryset.model, row_id, lock=True)
    found = lock_rows(queryset, [row_id])
    return found[0] if found else None


def _is_whole(queryset: models.QuerySet[M]) -> bool:
    """Whether a queryset is nothing but all rows of its table, as they are."""
    query = queryset.query
    return (
        not query.where
        and not query.annotations
        and not query.select_related
        and query.deferred_loading == (frozenset(), True)
        and not query.combinator
        and queryset._prefetch_related_lookups == ()  # type: ignore[attr-defined]
        and plain.reads(queryset.model)
    )
