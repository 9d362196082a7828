"""What becomes of a wait that nobody watches: it is put before a person.

The runtime cannot make one, but a hand in the database, a restored table or a fault of ours can.
The sweeper (`sweeper.check`) finds it; `mend` makes it an incident that says what is wrong, which
is retried or done by hand like any other. What merely disagrees is put right: a counter, a row that
watches a token that is gone, a called process whose caller went on. A history with gaps and an
ended instance that still has tokens are only told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from django.db import IntegrityError, transaction

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.process import model, store, wakeup
from kaitong.process.choices import OPEN_CALL, OPEN_COMMAND, OPEN_WORK
from kaitong.process.models import Inbox
from kaitong.process.shell import Play
from kaitong.process.sweeper import Problem, check

log = logging.getLogger(__name__)

TURNS = 7_236_114_025_411  # one sweeper at a time looks at everything
_WORDS = {
    "work": "没有对应的工单",
    "command": "没有对应的指令",
    "timer": "没有对应的定时器",
    "child": "没有对应的被调用流程",
    "incident": "没有对应的异常单",
}
_ELSE = "没有对应的等待记录"
_CLOSE = (
    ("process_workitem", OPEN_WORK, "work", ", completed_at = %(now)s"),
    ("process_command", OPEN_COMMAND, "command", ", ended_at = %(now)s"),
    ("process_call", OPEN_CALL, "child", ", ended_at = %(now)s"),
    ("process_incident", ("open",), "incident", ", resolved_at = %(now)s"),
    ("process_incident", ("retrying",), "command", ", resolved_at = %(now)s"),
    ("process_timer", ("open",), "", ""),
    ("process_subscription", ("open",), "", ""),
)


def mend() -> list[Problem]:
    """Put right what the sweeper finds; what was acted on. Twice at once is once.

    Whatever was found without a lock is looked at again under the instance's lock; an instance that
    somebody holds is left for the next round.
    """
    with transaction.atomic():
        if not db.rows("select 1 where pg_try_advisory_xact_lock(%s)", [TURNS]):
            return []  # somebody else is at it
        found = check()
    done = []
    for instance_id in dict.fromkeys(problem.instance_id for problem in found):
        try:
            with transaction.atomic():
                if store.lock_if_free(instance_id) is None:
                    continue
                for problem in check(instance_id):
                    act = _ACTS.get(problem.rule)
                    if act is not None and act(problem):
                        log.error("sweeper acted on %s", problem)
                        done.append(problem)
        except IntegrityError as error:  # a running instance with nothing left to wait for
            log.error("sweeper cannot mend %s: %s", instance_id, type(error).__name__)
    return done


def _incident(problem: Problem) -> bool:
    """The wait becomes an incident of its own."""
    assert problem.token_id is not None
    play = _play(problem.instance_id)
    token = next((t for t in play.loaded.tokens if t.id == problem.token_id), None)
    if token is None or not play.loaded.running:
        return False
    node = play.model.nodes[token.node]
    wait = "" if token.wait is None else token.wait.value
    message = f"“{node.name or node.id}”在等待，但{_WORDS.get(wait, _ELSE)}，不会有人来唤醒它。"
    play.advance(model.Unwatched(now=play.now, token=token.id, message=message))
    play.save()
    return True


def _recount(problem: Problem) -> bool:
    """The counter of open waits follows the tokens."""
    play = _play(problem.instance_id)
    if not play.loaded.running:
        return False
    play.note("swept", data={"what": problem.what})
    play.recount()
    play.save()
    return True


def _close(problem: Problem) -> bool:
    """A row that watches a token which is gone, or waits for something else, is closed."""
    closed = 0
    for table, states, wait, extra in _CLOSE:
        with_token = f"and t.wait = '{wait}' and t.node = r.node" if wait else ""
        closed += db.execute(
            f"update {table} r set state = 'cancelled'{extra} where r.instance_id = %(id)s"
            " and r.state = any(%(states)s) and not exists (select from process_token t"
            f" where t.id = r.token_id {with_token})",
            {"id": problem.instance_id, "states": list(states), "now": clock_now()},
        )
    db.execute(
        "update process_suspension s set ended = %s from process_workitem w where s.ended is null"
        " and w.id = s.workitem_id and w.instance_id = %s and w.state = 'cancelled'",
        [clock_now(), problem.instance_id],
    )
    if closed:
        play = _play(problem.instance_id)
        if play.loaded.running:
            play.note("swept", data={"what": problem.what})
            play.save()
    return closed > 0


def _cancel_child(problem: Problem) -> bool:
    """A called process whose caller went on hears of it, as it should have."""
    event = {"kind": "cancel", "reason": ""}
    defaults = {"event": event, "next_attempt_at": clock_now()}
    _row, made = Inbox.objects.get_or_create(
        instance_id=problem.instance_id, key="sweeper", defaults=defaults
    )
    if made:
        wakeup.notify()
    return made


def _play(instance_id: UUID) -> Play:
    return Play(store.load(instance_id), actor_id=None, now=clock_now())


_ACTS: dict[str, Callable[[Problem], bool]] = {
    "unwatched": _incident,
    "open_waits": _recount,
    "watches nobody": _close,
    "watched twice": _close,
    "called for nobody": _cancel_child,
}
