"""Walking orders along their whole path, as people and machines would.

Used within worker processes (`python -m kaitong.bench.walker`) and by the loader.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

from django.db import connection

from kaitong.activation.adapters.base import Proof, ProofKind, ProofResult
from kaitong.activation.queries import line_of_account
from kaitong.bench import world
from kaitong.bench.commits import BenchError
from kaitong.demo import story
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.results import ServiceView
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order
from kaitong.ordering.requests import AddressRef
from kaitong.org.actor import Actor
from kaitong.org.queries import actor_of
from kaitong.playbooks import photos, wiring
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks import services as playbook_verbs
from kaitong.process import actions, commands
from kaitong.process import queries as process
from kaitong.process.actions import Action, ActionContext, BusinessError, Outcome
from kaitong.process.definitions import model_of

SYSTEM = Actor.system()
IN_FLIGHT = 4  # orders a walker carries on at a time, so that it need not wait for one machine step
_ACCOUNTS = {"installer": "installer", "service": "service", "clerk": "clerk", "monitor": "monitor"}


# ---- the network answering at once ---------------------------------------------------------------


def _nothing(ctx: ActionContext) -> Outcome:
    return None


def _proof(kind: str) -> Callable[[ActionContext], Outcome]:
    def run(ctx: ActionContext) -> Outcome:
        inventory_verbs.record_proof(
            actor=SYSTEM,
            service_id=UUID(str(ctx.inputs["service_id"])),
            kind=kind,
            ok=True,
            data={"result": "proven"},
            summary="性能测试：未连接网络。",
        )
        return {f"{kind}_proven": True}

    return run


def _not_proven(ctx: ActionContext) -> Outcome:
    raise BusinessError("line-not-proven", "未见客户会话。")


def _broken(ctx: ActionContext) -> Outcome:
    raise ValueError("the benchmark's element is broken")


def without_network(*, line: bool = True, element: bool = True) -> list[Action]:
    """The shipped actions, with those of activation answering at once.

    They still record their proofs in Kaitong's database; what is left out is the AAA server, its
    database and the record of what was said to them. `line=False`: no session is ever seen;
    `element=False`: the element answers with nonsense (for the loader's orders in trouble).
    """
    instead: Mapping[str, Callable[[ActionContext], Outcome]] = {
        "activation.apply": _nothing if element else _broken,
        "activation.remove": _nothing,
        "activation.prove-account": _proof("account"),
        "activation.prove-line": _proof("line") if line else _not_proven,
    }
    return [
        Action(action.name, action.kind, instead.get(action.name, action.run))
        for action in wiring.ACTIONS.values()
    ]


def _seen(service: ServiceView, order_id: UUID | None, key: str) -> Proof:
    """What the installer's live check is shown: the session on the registered line."""
    assert service.port is not None
    line = {
        "access_node": service.port.access_node,
        "pon_port": service.port.pon_port,
        "logical_id": service.logical_id,
    }
    facts = {"account": service.account, "expected": line, "seen": line, "differences": []}
    return Proof(ProofKind.LINE, ProofResult.PROVEN, facts)


@contextmanager
def offline(*, line: bool = True, element: bool = True) -> Iterator[None]:
    """Within the block nobody asks the network: neither commands nor the installer's check."""
    with (
        actions.installed(*without_network(line=line, element=element)),
        wiring.looking(_seen),
    ):
        yield


# ---- the walk ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Counted:
    """What was done. A step is one verb that advanced a process, or one outcome of a command."""

    orders: int = 0
    steps: int = 0
    seconds: list[float] = field(default_factory=list)  # from submission to completion


@dataclass(slots=True)
class _Open:
    id: UUID
    began: float
    dialled: bool = False


class Walker:
    """Submits orders and completes their work by example until they are completed.

    Rooms, customers and terminals from `first` on are this walker's own; `dial` makes the
    customer's modem log in on a line (None: nobody looks).
    """

    def __init__(self, first: int, dial: Callable[[str], None] | None = None) -> None:
        self.rooms, self.terminals = count(first), count(first)
        self.dial = dial
        self.people = {post: actor_of(name) for post, name in _ACCOUNTS.items()}
        self.open: deque[_Open] = deque()
        self.counted = Counted()

    def submit(self, *, read: bool = True) -> Order:
        """Take in one more order, at the next room."""
        number = next(self.rooms)
        branch_id = self.people["clerk"].branch_id
        assert branch_id is not None
        address = _address(branch_id, number)
        order = ordering.submit(
            actor=self.people["clerk"],
            request=story.request(number, read=read, address=AddressRef(address_id=address)),
        )
        self.counted.steps += 1
        return order

    def machines(self, limit: int = 10) -> int:
        """Run what machines have to do, as a worker does."""
        done = commands.drain(limit)
        self.counted.steps += done
        return done

    def complete(self, item: process.WorkRow) -> None:
        """Complete a work item with its form's example; the terminal is one this walker has."""
        actor = self.people[item.post]
        node = model_of(item.definition_id).nodes[item.node]
        deployed = playbooks.current("home-broadband")
        assert deployed is not None
        assert node.form is not None
        whole = playbooks.form("home-broadband", deployed.hash, node.form)
        form = whole.for_parts(frozenset())  # a line alone, no bundle
        take = photos.camera(actor=actor, item_id=item.id)
        data = form.example(
            lambda kind: (
                take(kind.removeprefix("photo:"))
                if kind.startswith("photo:")
                else self._fresh(kind, item.branch_id)
            )
        )
        playbook_verbs.complete_work(actor=actor, item_id=item.id, data=data)
        self.counted.steps += 1

    def run(self, seconds: float, most: int | None = None) -> Counted:
        """Walk for so long (or so many orders); what was done in that time."""
        self.counted = Counted()
        end = time.monotonic() + seconds
        while time.monotonic() < end and (most is None or self.counted.orders < most):
            while len(self.open) < IN_FLIGHT:
                began = time.monotonic()
                self.open.append(_Open(self.submit().id, began))
            self.machines()
            self._carry_on(self.open.popleft())
        return self.counted

    def finish(self, seconds: float = 180.0) -> None:
        """Carry on what is open, without taking in more; an order that gets stuck is a fault."""
        end = time.monotonic() + seconds
        while self.open:
            if time.monotonic() > end:
                raise BenchError(f"{len(self.open)} orders do not end.", "See their incidents.")
            self.machines()
            self._carry_on(self.open.popleft())

    def _carry_on(self, order: _Open) -> None:
        items = process.open_items_of(SYSTEM, [order.id]).get(order.id, [])
        if not items:
            # nobody is asked: either done, or machines are at it
            state = Order.objects.values_list("state", flat=True).get(pk=order.id)
            if state == "completed":
                self.counted.orders += 1
                self.counted.seconds.append(time.monotonic() - order.began)
                return
        elif items[0].node != "Install" or self._line_up(order):
            self.complete(items[0])
        self.open.append(order)

    def _line_up(self, order: _Open) -> bool:
        """Whether the installer's modem is online; it can be once the account is proven."""
        if self.dial is None or order.dialled:
            return True
        view = inventory.services_of_order(order.id)[0]
        if "account" not in view.latest:
            return False
        self.dial(view.account)
        order.dialled = True
        return True

    def _fresh(self, kind: str, branch_id: UUID) -> Any:
        if kind == "terminal-in-stock":
            return world.serial(next(self.terminals))
        return wiring.fresh(kind, branch_id=branch_id, calendar="cn")


def _address(branch_id: UUID, number: int) -> UUID:
    from kaitong.places.queries import ids_by_code

    code = world.code(number // world.ROOMS, number % world.ROOMS)
    return ids_by_code(branch_id, [code])[code]


def modem() -> Callable[[str], None]:
    """The lab's access server with radclient: a login and an accounting start on the right line."""
    from kaitong.activation import nasport
    from kaitong.lab.errors import LabError
    from kaitong.lab.session import AccessServer

    server = AccessServer()
    pattern = nasport.pattern(server.settings.nas_port_pattern)

    def dial(account: str) -> None:
        line = line_of_account(account)
        if line is None:
            raise LabError(f"Kaitong has no line for the account {account}.")
        result = server.start(account, pattern.format(line))
        if not result.ok:
            raise LabError(f"The session of {account} was not accepted: {result.answer}.")

    return dial


@contextmanager
def counting_commits() -> Iterator[list[int]]:
    """Within the block the number of transactions that wrote something and committed, in `[0]`."""
    found = [0]
    wrapper: Any = connection  # `_commit` is where every transaction of Django's ends
    commit = wrapper._commit

    def counted() -> None:
        raw = connection.connection
        if raw is not None:
            row = raw.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL").fetchone()
            found[0] += bool(row and row[0])
        commit()

    def statement(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if not connection.in_atomic_block:
            word = str(sql).lstrip().split(None, 1)[0].lower()
            found[0] += word in ("insert", "update", "delete", "merge")
        return execute(sql, params, many, context)

    wrapper._commit = counted
    try:
        with connection.execute_wrapper(statement):
            yield found
    finally:
        del wrapper._commit
