"""Kaitong's own side of `bench process`: orders by the public verbs, as people of a branch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from uuid import UUID

from django.db import connection

from kaitong.bench.process_order import ANSWERS, DATA, PARAMETERS
from kaitong.core.ids import uuid7
from kaitong.org.queries import actor_of
from kaitong.process import commands, services
from kaitong.process import queries as process


class Kaitong:
    """Everything on: posts checked, history, clocks on the calendar, boundary timers.

    With `command` the element's data are written by an external action: its command is leased, run
    and recorded here, as a worker does.
    """

    def __init__(self, definition: UUID, *, command: bool = False) -> None:
        self.definition, self.command = definition, command
        self.people = {
            post: actor_of(post) for post in ("clerk", "service", "installer", "monitor")
        }
        branch = self.people["clerk"].branch_id
        assert branch is not None
        self.branch = branch

    def server(self) -> int:
        """The process of the database that serves this one's connection."""
        connection.ensure_connection()
        pid: int = connection.connection.info.backend_pid
        return pid

    def order(self) -> Iterator[None]:
        """Carry one order to its end; yields after each transaction."""
        business = uuid7()
        told = services.launch(
            actor=self.people["clerk"],
            definition_id=self.definition,
            business_id=business,
            branch_id=self.branch,
            variables=DATA,
            parameters=PARAMETERS,
        )
        work = deque(told.opened)
        yield
        while told.state == "running":
            if not work:  # behind a command, which some worker has run
                commands.drain(commands.CHUNK)
                work += self._behind(business)
                continue
            item = work.popleft()
            told = services.complete(
                actor=self.people[item.post], item_id=item.item_id, values=ANSWERS[item.node]
            )
            work += told.opened
            yield

    def _behind(self, business: UUID) -> list[services.Opened]:
        rows = process.open_items_of(self.people["clerk"], [business]).get(business, [])
        return [services.Opened(row.id, row.node, row.post, row.branch_id) for row in rows]
