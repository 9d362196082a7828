"""What happened to the rows of an audited table, for who listens to it.

An audit row stands in the transaction of what it tells, so that nothing is written for listeners by
those who work, and nothing is missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kaitong.core import db

_SINCE = """with seen as (
 select e.pgh_id, e.pgh_obj_id, e.branch_id, e.pgh_label, e.pgh_created_at, e.state, {told}
 from {table} e where e.pgh_id > %s and e.pgh_label <> 'delete' order by e.pgh_id limit %s)
select seen.pgh_id as number, seen.pgh_obj_id as subject_id, seen.branch_id, seen.state,
 seen.pgh_created_at as at, coalesce(b.state, '') as was,
 case when seen.pgh_label = 'insert' then 'created'
  when seen.state is distinct from b.state then 'state'
  when ({seen}) is distinct from ({before}) then 'described' else '' end as kind
from seen left join lateral (select * from {table} p
 where p.pgh_obj_id = seen.pgh_obj_id and p.pgh_id < seen.pgh_id order by p.pgh_id desc limit 1) b
 on true order by seen.pgh_id"""


@dataclass(frozen=True, slots=True)
class Happening:
    """A row of an audit that means something to others; `number` grows."""

    number: int
    subject_id: UUID
    branch_id: UUID
    kind: str  # created, state, described
    state: str
    at: datetime
    was: str = ""  # the state before


@dataclass(frozen=True, slots=True)
class Trail:
    """An audited table with a state; `described` are the columns whose change others hear of."""

    table: str
    described: Sequence[str]

    def since(self, *, after: int, limit: int = 500) -> tuple[list[Happening], int]:
        """What happened after a number, oldest first, and the last number looked at.

        Numbers are given before a transaction commits: one that comes late has a smaller number
        than one that was seen. Whoever reads on reads some of the past again.
        """
        sql = _SINCE.format(
            table=self.table,
            told=self._of("e"),
            seen=self._of("seen"),
            before=self._of("b"),
        )
        rows = db.rows(sql, [after, limit])
        found = [Happening(**row) for row in rows if row["kind"]]
        return found, (rows[-1]["number"] if rows else after)

    def number_before(self, seconds: float) -> int:
        """The last number that is at least so old: what came before it has long been visible."""
        sql = (
            "select coalesce(max(pgh_id), 0) as number from (select pgh_id, pgh_created_at from"
            f" {self.table} order by pgh_id desc limit 5000) newest"
            " where pgh_created_at < now() - make_interval(secs => %s)"
        )
        return int(db.rows(sql, [seconds])[0]["number"])

    def newest_number(self) -> int:
        rows = db.rows(f"select coalesce(max(pgh_id), 0) as number from {self.table}", [])
        return int(rows[0]["number"])

    def _of(self, alias: str) -> str:
        return ", ".join(f"{alias}.{name}" for name in self.described)
