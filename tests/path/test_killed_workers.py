"""Killed by SIGKILL in the middle of every flow: who asks for it, before each of its commits; and
workers, once the network was told and once that is written down. Each ends proven, applied once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from uuid import UUID

import pytest
from django.db import connection, connections

from kaitong.process import commands
from tests.path.flows_kit import FLOWS, begin, cases, disagreements, finish

pytestmark = [pytest.mark.radius, pytest.mark.server, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def plant_size() -> dict[str, int]:
    return {"ports": 24, "rooms": 40}


def dies(act: Callable[[], object], when: Callable[[], bool]) -> bool:
    """A process of its own does `act` and is killed when it is about to commit and `when` says so;
    whether it was."""
    connections.close_all()  # neither side may speak on the other's
    child = os.fork()
    if child == 0:
        status = 1
        try:
            database = type(connection._connections[connection._alias])
            whole = database._commit

            def commit(self):
                if when():
                    os.kill(os.getpid(), signal.SIGKILL)
                return whole(self)

            database._commit = commit
            act()
            status = 0
        finally:
            os._exit(status)
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def nth(number: int) -> Callable[[], bool]:
    commits = count(1)
    return lambda: next(commits) == number


@dataclass
class Hunted:
    """A worker that is killed in a command of an order: with what it has done outside not yet
    written down (`ran`), or as soon as that is (`recorded`)."""

    wanted: set[tuple[UUID, str]]
    last_words: int  # where it says which it was
    now: tuple[UUID | None, str] = (None, "")

    def work(self, office) -> None:
        run, record = commands.run, commands.record

        def running(leased):
            self.now = (leased.context.business_id, "ran")
            try:
                return run(leased)
            finally:
                self.now = (None, "")

        def recording(leased, result):
            self.now = (leased.context.business_id, "recorded")
            try:
                record(leased, result)
            finally:
                self.now = (None, "")

        whole = commands.swift

        @contextmanager
        def stepping():
            with whole():
                yield
                if self.caught():
                    os.kill(os.getpid(), signal.SIGKILL)

        commands.CHUNK, commands.run, commands.record = 1, running, recording
        commands.swift = stepping
        office.work()

    def caught(self) -> bool:
        if self.now not in self.wanted:
            return False
        os.write(self.last_words, f"{self.now[0]} {self.now[1]}".encode())
        return True


def test_every_flow_survives_the_death_of_who_asks_and_who_works(office, radius, lab, modem):
    made = cases(office, lab, modem)
    time = made[0].time
    for case in made:
        tries = 1
        while dies(lambda case=case: begin(case), nth(tries)):
            tries += 1
        assert tries > 1, case.flow  # before each of its commits
        case.know_order()
    points = ("ran", "recorded")
    wanted = {(case.order.id, point) for case in made for point in points}
    while wanted:
        hear, say = os.pipe()
        hunted = Hunted(wanted, say)
        with time.on(commands.lease_seconds() + 1):
            killed = dies(lambda hunted=hunted: hunted.work(office), hunted.caught)
        assert killed, wanted  # each loses a worker at either point
        order_id, point = os.read(hear, 100).decode().split()
        wanted.remove((UUID(order_id), point))
        os.close(hear)
        os.close(say)
    for case in made:
        finish(case)
    ended = {case.flow: case.end() for case in made}
    assert ended == {flow: FLOWS[flow].end() for flow in FLOWS}
    assert disagreements(made) == []
