"""Every verb against itself and against every other, on the same item, by real threads.

The measure is serial: whatever two verbs do at once must be what they do one after the other, in
one order or the other; what they answer, where the instance stands then, and its history. So
exclusive verbs have one winner and the other is told, and what commutes both succeeds, without a
table that says which is which. `VERBS` is the whole list: a new verb is a line there.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations_with_replacement
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from kaitong.core.clock import now
from kaitong.core.errors import Conflict, KaitongError
from kaitong.core.ids import uuid7
from kaitong.org import services as org
from kaitong.org import standing_in
from kaitong.org.actor import Actor, actor_for
from kaitong.org.queries import actor_of
from kaitong.process import (
    actions,
    commands,
    definitions,
    inbound,
    migrating,
    services,
    store,
)
from kaitong.process.models import (
    Command,
    History,
    Incident,
    Instance,
    Proposal,
    Subscription,
    Suspension,
    Timer,
    Token,
    WorkItem,
)
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import drawing, external, transactional

PROCESS = """
start S clerk
user P installer form=p
and F clerk
user A installer form=a suspend-reasons=customer-absent
on-timer T installer host=A after=PT0S
on-timer M installer host=A message=m key=order
xor X clerk
service C network action=out
service B network action=break
and J clerk
user Z installer form=z
end E clerk
S > P > F > A > X > J > Z > E
T > X
M > X
F > C > J
F > B > J
"""
# The next version, to which what runs is carried over: one more step at the end.
LATER = PROCESS.replace("end E clerk", "manual Q clerk\nend E clerk").replace("Z > E", "Z > Q > E")
FUTURE = timedelta(hours=5)


@dataclass
class Crew:
    """First and second are who act; both may. The aide acts for the fitter (委托)."""

    branch: Any
    fitter: Actor
    other: Actor
    boss: Actor
    second_boss: Actor
    aide: Actor
    later: UUID  # the definition to carry over to


@dataclass
class Case:
    """One prepared instance with all the things verbs act on."""

    crew: Crew
    instance: UUID
    item: UUID
    incident: UUID
    leased: list[commands.Leased] = field(default_factory=list)

    def by(self, position: int) -> Actor:
        return (self.crew.fitter, self.crew.boss)[position]


Verb = Callable[[Case, int], Any]


@dataclass(frozen=True)
class Kind:
    run: Verb
    state: str = "claimed"  # how the item stands before
    before: Callable[[Case], Any] | None = None  # what must lie ready, once
    machine: bool = False  # leaves a locked instance for its next round, and says 0


def _boundary_message(case: Case) -> None:
    key = str(case.instance)
    services.publish(name="m", key=key, sender_id=key, values={})


def _propose(case: Case) -> None:
    services.propose(
        actor=case.crew.fitter,
        incident_id=case.incident,
        kind="by-hand",
        text="x",
        values={"hand": True},
    )


def _inbox(case: Case) -> None:
    services.tell(instance_id=case.instance, key="stop", event={"kind": "cancel", "reason": "x"})


def _lease(case: Case) -> None:
    case.leased = [one for one in commands.lease(50) if one.context.instance_id == case.instance]


def _wake(case: Case) -> None:
    WorkItem.objects.filter(pk=case.item).update(suspended_until=now())


def _many(case: Case, actor: Actor, verb: str, **how: Any) -> None:
    """A bulk verb over one item; what it would not do is told like a single verb's refusal."""
    (outcome,) = services.many(actor=actor, verb=verb, items=[case.item], **how)
    if outcome.why:
        raise services.ProcessConflict(outcome.why)


def _record(case: Case, position: int) -> Any:
    commands.record(case.leased[0], {"written": True})


VERBS: dict[str, Kind] = {
    "claim": Kind(
        lambda c, n: services.claim(actor=(c.crew.fitter, c.crew.other)[n], item_id=c.item), "todo"
    ),
    "release": Kind(lambda c, n: services.release(actor=c.by(n), item_id=c.item)),
    "complete": Kind(
        lambda c, n: services.complete(actor=c.by(n), item_id=c.item, values={"done": True})
    ),
    "dispatch": Kind(
        lambda c, n: services.dispatch(actor=c.by(n), item_id=c.item, to=c.crew.other.id)
    ),
    "transfer": Kind(lambda c, n: services.transfer(actor=c.by(n), item_id=c.item, post="network")),
    "return": Kind(
        lambda c, n: services.return_to(actor=c.by(n), item_id=c.item, node="P", reason="x")
    ),
    "help": Kind(lambda c, n: services.ask_help(actor=c.by(n), item_id=c.item, to=c.crew.other.id)),
    "suspend": Kind(
        lambda c, n: services.suspend(
            actor=c.by(n), item_id=c.item, reason_code="customer-absent", until=now() + FUTURE
        )
    ),
    "resume": Kind(lambda c, n: services.resume(actor=c.by(n), item_id=c.item), "suspended"),
    "agree": Kind(lambda c, n: services.agree(actor=c.by(n), item_id=c.item, at=now() + FUTURE)),
    "urge": Kind(lambda c, n: services.urge(actor=c.by(n), item_id=c.item)),
    "feedback": Kind(lambda c, n: services.feedback(actor=c.by(n), item_id=c.item, text="x")),
    "cancel": Kind(lambda c, n: services.cancel(actor=c.by(n), instance_id=c.instance, reason="x")),
    "retry": Kind(lambda c, n: services.retry_incident(actor=c.crew.boss, incident_id=c.incident)),
    "by hand": Kind(
        lambda c, n: services.done_by_hand(
            actor=c.crew.boss,
            incident_id=c.incident,
            second=c.crew.second_boss,
            evidence="x",
            values={"hand": True},
        )
    ),
    "take incident": Kind(
        lambda c, n: services.claim_incident(
            actor=(c.crew.boss, c.crew.second_boss)[n], incident_id=c.incident
        )
    ),
    "propose": Kind(
        lambda c, n: services.propose(
            actor=(c.crew.boss, c.crew.second_boss)[n],
            incident_id=c.incident,
            kind="by-hand",
            text="x",
            values={"hand": True},
        )
    ),
    "agree to proposal": Kind(
        lambda c, n: services.agree_proposal(
            actor=(c.crew.boss, c.crew.second_boss)[n],
            incident_id=c.incident,
            proposer=c.crew.fitter,
        ),
        before=_propose,
    ),
    "decline proposal": Kind(
        lambda c, n: services.decline_proposal(
            actor=(c.crew.boss, c.crew.second_boss)[n], incident_id=c.incident, remark="x"
        ),
        before=_propose,
    ),
    "timer": Kind(lambda c, n: inbound.fire_timers(), machine=True),
    "message": Kind(
        lambda c, n: inbound.deliver_messages(), before=_boundary_message, machine=True
    ),
    "inbox": Kind(lambda c, n: inbound.read_inboxes(), before=_inbox, machine=True),
    "wake": Kind(lambda c, n: inbound.wake_suspended(), "suspended", before=_wake, machine=True),
    "outcome": Kind(_record, before=_lease),
    "claim many": Kind(
        lambda c, n: _many(c, (c.crew.other, c.crew.fitter)[n], "claim", all_or_none=True), "todo"
    ),
    "release many": Kind(lambda c, n: _many(c, c.by(n), "release", all_or_none=bool(n))),
    "urge many": Kind(lambda c, n: _many(c, c.by(n), "urge", all_or_none=True)),
    "claim for another": Kind(
        lambda c, n: services.claim(actor=(c.crew.aide, c.crew.other)[n], item_id=c.item), "todo"
    ),
    "complete for another": Kind(
        lambda c, n: services.complete(
            actor=(c.crew.aide, c.crew.fitter)[n], item_id=c.item, values={"done": True}
        )
    ),
    "carry over": Kind(
        lambda c, n: migrating.migrate(
            actor=(c.crew.boss, c.crew.second_boss)[n],
            instance_id=c.instance,
            to=c.crew.later,
            reason="x",
        )
    ),
}
# What takes the item away: of two of these one wins, whatever the other.
EXCLUSIVE = ("complete", "complete for another", "return", "timer", "message")
COMMUTE = ("urge", "feedback", "outcome", "retry")
PAIRS = list(combinations_with_replacement(VERBS, 2))


class Hall:
    """The committed world of this module, and two threads with connections of their own."""

    def __init__(self) -> None:
        branch = org.ensure_branch(code="XN", name="休宁分公司", kind="county")
        for post in ("clerk", "installer", "network", "supervisor"):
            org.ensure_post(key=post, name=post)

        def person(name: str, *posts: str) -> Actor:
            return actor_for(
                org.ensure_staff(username=name, name=name, branch=branch, password="x", posts=posts)
            )

        definitions.forget()
        self.definition, later = (
            services.deploy(
                playbook="kit", key="twice", data=drawing(text, "twice"), file="twice.bpmn"
            ).pk
            for text in (PROCESS, LATER)
        )
        fitter = person("fitter", "installer", "supervisor")
        aide = person("aide", "clerk")
        assert aide.id is not None
        standing_in.delegate(
            actor=fitter,
            to=aide.id,
            posts=["installer"],
            since=now() - FUTURE,
            until=now() + FUTURE,
            reason="x",
        )
        self.crew = Crew(
            branch,
            fitter,
            person("other", "installer"),
            person("boss", "supervisor"),
            person("second", "supervisor"),
            actor_of("aide"),
            later,
        )
        self.pool = ThreadPoolExecutor(2)
        self.broken = True
        self.alone: dict[tuple[str, str], Any] = {}

    def breaks(self, context: actions.ActionContext) -> dict[str, bool]:
        if self.broken:
            raise RuntimeError("no")
        return {"fine": True}

    def prepare(self, *kinds: Kind) -> Case:
        crew = self.crew
        instance = uuid7()
        self.broken = True
        instance = services.start(
            actor=crew.fitter,
            definition_id=self.definition,
            business_id=uuid7(),
            branch_id=crew.branch.pk,
            variables={"order": "x"},
            parameters={},
        )
        first = WorkItem.objects.get(instance_id=instance)
        services.complete(actor=crew.fitter, item_id=first.pk, values={"order": str(instance)})
        self.broken = False
        item = WorkItem.objects.get(instance_id=instance, node="A")
        incident = Incident.objects.get(instance_id=instance)
        case = Case(crew, instance, item.pk, incident.pk)
        states = {kind.state for kind in kinds}
        state = next((s for s in ("suspended", "todo") if s in states), "claimed")
        if state != "todo":
            services.claim(actor=crew.fitter, item_id=item.pk)
        if state == "suspended":
            services.suspend(
                actor=crew.fitter,
                item_id=item.pk,
                reason_code="customer-absent",
                until=now() + FUTURE,
            )
        for before in dict.fromkeys(kind.before for kind in kinds):
            if before is not None:
                before(case)
        return case

    def after(self, case: Case, answers: list[str]) -> Any:
        """How the instance stands, without identifiers and times; then it is cleared away."""
        lines = History.objects.filter(instance_id=case.instance).order_by("seq")
        numbers = list(lines.values_list("seq", flat=True))
        assert numbers == list(range(1, Instance.objects.get(pk=case.instance).seq + 1))
        mine = {"instance_id": case.instance}
        found = (
            tuple(answers),
            Instance.objects.get(pk=case.instance).state,
            counted(Token.objects.filter(**mine).values_list("node", "wait")),
            counted(
                WorkItem.objects.filter(**mine).values_list(
                    "node", "state", "post", "claimed_by", "candidate", "urged"
                )
            ),
            counted(Timer.objects.filter(**mine).values_list("node", "state")),
            counted(Subscription.objects.filter(**mine).values_list("node", "state")),
            counted(Command.objects.filter(**mine).values_list("node", "state")),
            counted(Incident.objects.filter(**mine).values_list("node", "state", "resolution")),
            counted(Proposal.objects.filter(incident=case.incident).values_list("state")),
            Suspension.objects.filter(workitem__instance_id=case.instance, ended=None).count(),
            counted(History.objects.filter(**mine).values_list("kind", "node")),
            counted(
                WorkItem.objects.filter(**mine, state="done").values_list(
                    "completed_by", "completed_for"
                )
            ),
            str(Instance.objects.get(pk=case.instance).definition_id),
        )
        if found[1] == "running":
            services.cancel(actor=Actor.system(), instance_id=case.instance, reason="cleared away")
        return found

    def serial(self, first: str, second: str, *, swapped: bool) -> Any:
        """What the two do one after the other; `swapped`: the second verb goes first."""
        known = self.alone.get((first, second, swapped))
        if known is None:
            case = self.prepare(VERBS[first], VERBS[second])
            order = [(1, second), (0, first)] if swapped else [(0, first), (1, second)]
            answers = ["", ""]
            for position, name in order:
                answers[position] = answer(VERBS[name], case, position)
            known = self.alone[first, second, swapped] = self.after(case, answers)
        return known

    def at_once(self, first: str, second: str) -> Any:
        """Both, each in its thread, let loose together and, where they wait, by one lock."""
        case = self.prepare(VERBS[first], VERBS[second])
        barrier = threading.Barrier(3)
        kinds = (VERBS[first], VERBS[second])

        def run(position: int) -> str:
            barrier.wait(20)
            return answer(kinds[position], case, position)

        waiting = [n for n in range(2) if not kinds[n].machine]
        with transaction.atomic():
            if len(waiting) == 2:  # hold them at the lock, so that they really meet
                store.lock(case.instance)
            tasks = [self.pool.submit(run, n) for n in range(2)]
            barrier.wait(20)
            if len(waiting) == 2:
                self.until_blocked(2)
        answers = [task.result(30) for task in tasks]
        assert [str(problem) for problem in check()] == []
        for position in range(2):  # a machine that found the lock taken comes again
            if answers[position] == "0":
                answers[position] = answer(kinds[position], case, position)
        return self.after(case, answers)

    @staticmethod
    def until_blocked(number: int) -> None:
        pause = threading.Event()
        for _try in range(400):
            with connection.cursor() as cursor:
                cursor.execute(
                    "select count(*) from pg_stat_activity where datname = current_database()"
                    " and wait_event_type = 'Lock'"
                )
                if cursor.fetchone()[0] >= number:
                    return
            pause.wait(0.005)

    def close(self) -> None:
        barrier = threading.Barrier(2)

        def end() -> None:
            barrier.wait(10)
            connection.close()

        for task in [self.pool.submit(end) for _ in range(2)]:
            task.result(20)
        self.pool.shutdown()


def counted(rows: Any) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(map(str, rows)).items()))


def answer(kind: Kind, case: Case, position: int) -> str:
    """What a verb says: done, a machine's 0, or the refusal's class. Anything else is a fault."""
    try:
        told = kind.run(case, position)
    except KaitongError as error:
        return type(error).__name__
    return "0" if kind.machine and not told else "done"


@pytest.fixture(scope="module")
def hall(django_db_setup: None, django_db_blocker: Any) -> Iterator[Hall]:
    """Committed once for the whole module; everything is flushed after it."""
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False)
        made = Hall()
        installed = actions.installed(
            external("out", lambda context: {}), transactional("break", made.breaks)
        )
        with installed:
            yield made
        made.close()
        definitions.forget()
        call_command("flush", verbosity=0, interactive=False)


@pytest.mark.parametrize("first, second", PAIRS, ids=[f"{a}-{b}" for a, b in PAIRS])
def test_two_at_once_do_what_they_do_one_after_the_other(hall, first, second):
    met = hall.at_once(first, second)
    possible = [hall.serial(first, second, swapped=swapped) for swapped in (False, True)]
    assert met in possible
    answers = met[0]
    if first in EXCLUSIVE and second in EXCLUSIVE:
        assert answers.count("done") == 1, answers
    if first in COMMUTE and second in COMMUTE and first != second:
        assert answers == ("done", "done")


def test_the_loser_is_told_of_a_conflict(hall):
    """Of two who complete, claim, return or cancel at once, the second hears ProcessConflict."""
    for verb in ("complete", "return", "cancel", "retry", "by hand", "suspend"):
        assert sorted(hall.at_once(verb, verb)[0]) == ["ProcessConflict", "done"], verb
    assert issubclass(services.ProcessConflict, Conflict)
