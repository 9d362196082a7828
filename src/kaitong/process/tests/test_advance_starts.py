"""Timer cycles, and how an instance begins: by nothing, a message, a signal, a timer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitong.process.advance import WrongEvent
from kaitong.process.cycles import Cycle, cycle_of, following
from kaitong.process.feel.temporal import YearMonths
from kaitong.process.model import Fault, RefusedProcess, TimerFired
from kaitong.process.tests.core_drawing import (
    Drawing,
    line,
    on_condition,
    on_error,
    on_message,
    on_signal,
    timer,
)
from kaitong.process.tests.core_kit import NOW, Game

HOUR = timedelta(hours=1)


def faults(drawing: Drawing) -> list[Fault]:
    with pytest.raises(RefusedProcess) as refused:
        drawing.model()
    return refused.value.faults


# ---- what a cycle says


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("R3/PT1H", Cycle(HOUR, 3)),
        ("R/P1D", Cycle(timedelta(days=1))),
        ("R/P1M", Cycle(YearMonths(1))),
        (
            "R2/2026-01-01T08:00:00Z/PT1H",
            Cycle(HOUR, 2, first=datetime(2026, 1, 1, 8, tzinfo=UTC)),
        ),
        ("R/PT1H/2026-01-01T08:00:00Z", Cycle(HOUR, last=datetime(2026, 1, 1, 8, tzinfo=UTC))),
        (
            "R/2026-01-01T08:00:00Z/2026-01-01T09:00:00Z",
            Cycle(HOUR, first=datetime(2026, 1, 1, 8, tzinfo=UTC)),
        ),
    ],
)
def test_cycles(text: str, expected: Cycle) -> None:
    assert cycle_of(text) == expected


@pytest.mark.parametrize(
    "text", ["", "3/PT1H", "R3", "R0/PT1H", "R/PT0S", "R/-PT1H", "0 0 * * *", "R/P0M", 5, "R3/x"]
)
def test_what_is_no_cycle(text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        cycle_of(text)


def test_a_counted_cycle_makes_up_for_what_is_late_an_endless_one_does_not() -> None:
    late = NOW + 5 * HOUR + timedelta(minutes=10)
    assert following(Cycle(HOUR, 3), NOW, 1, late) == (NOW + HOUR, 2)
    assert following(Cycle(HOUR, 3), NOW, 3, late) is None
    assert following(Cycle(HOUR), NOW, 1, late) == (NOW + 6 * HOUR, 7)
    months = Cycle(YearMonths(1))
    assert following(months, datetime(2026, 1, 1, tzinfo=UTC), 1, NOW) == (
        datetime(2026, 4, 1, tzinfo=UTC), 4,
    )  # fmt: skip
    assert following(Cycle(HOUR, last=NOW), NOW, 1, NOW) is None


@given(st.integers(1, 10**7), st.integers(0, 10**8))
def test_the_next_of_an_endless_cycle_is_the_first_ahead(interval: int, late: int) -> None:
    cycle, now = Cycle(timedelta(seconds=interval)), NOW + timedelta(seconds=late)
    found = following(cycle, NOW, 1, now)
    assert found is not None
    moment, number = found
    assert moment > now
    assert moment - cycle.interval <= now or moment == NOW + cycle.interval
    assert moment == NOW + cycle.interval * (number - 1)


# ---- at a boundary


def reminded(cycle: str = "R3/PT1H", **attributes: str) -> Drawing:
    drawing = line("A").user("A").manual("Remind").end("e2")
    drawing.boundary("B", "A", timer(cycle=cycle), interrupting=False, **attributes)
    return drawing.chain("B", "Remind", "e2")


def test_a_cycle_at_a_boundary_fires_as_often_as_it_says() -> None:
    game = Game(reminded().model())
    due = []
    while game.timers:
        (opened,) = game.timers.values()
        due.append(opened.at)
        game.fire("A", "B")
    assert due == [NOW + HOUR, NOW + 2 * HOUR, NOW + 3 * HOUR]
    assert game.at == ["A", "Remind", "Remind", "Remind"]


def test_its_host_ends_the_cycle() -> None:
    game = Game(reminded("R/PT1H").model()).fire("A", "B")
    assert game.timers
    game.complete("A")
    assert not game.timers


def test_a_cycle_that_is_computed() -> None:
    game = Game(reminded('"R2/" + rhythm').model(), rhythm="PT2H")
    (opened,) = game.timers.values()
    assert opened.at == NOW + 2 * HOUR
    game.fire("A", "B").fire("A", "B")
    assert not game.timers


def test_a_cycle_without_meaning_is_an_incident_of_its_own() -> None:
    game = Game(reminded("rhythm").model(), rhythm="soon")
    assert game.at == ["A", "B"]
    assert game.cause("B") == "data"
    game.variables["rhythm"] = "R1/PT1H"
    game.retry("B")
    assert game.at == ["A"]
    assert len(game.timers) == 1


def test_a_cycle_in_working_time_asks_the_calendar() -> None:
    game = Game(reminded("R2/PT8H", k_working="true").model())
    (opened,) = game.timers.values()
    assert (opened.at, opened.duration, opened.working, opened.after) == (None, "PT8H", True, None)
    game.fire("A", "B", count=1, due=NOW + 24 * HOUR, now=NOW + 24 * HOUR)
    (opened,) = game.timers.values()
    assert (opened.duration, opened.count, opened.after) == ("PT8H", 2, NOW + 24 * HOUR)


@pytest.mark.parametrize("where", ["boundary", "catch"])
def test_a_cycle_where_it_would_happen_once_is_refused(where: str) -> None:
    if where == "boundary":
        drawing = line("A").user("A").boundary("B", "A", timer(cycle="R/PT1H")).chain("B", "end")
    else:
        drawing = line("B").catch("B", timer(cycle="R/PT1H"))
    (fault,) = faults(drawing)
    assert "happens only once" in fault.what
    assert fault.line == drawing.line_of('id="B"')


# ---- how an instance begins


def begun() -> Drawing:
    drawing = Drawing().start().end().message("m", "order").signal("s", "storm")
    drawing.node("startEvent", "byMessage", on_message("m"), k_out="n=number + 1")
    drawing.node("startEvent", "bySignal", on_signal("s"))
    drawing.node("startEvent", "byTimer", timer(cycle="R/P1D"))
    drawing.user("A").exclusive("merge").chain("merge", "A", "end")
    for start in ("start", "byMessage", "bySignal", "byTimer"):
        drawing.chain(start, "merge")
    return drawing


@pytest.mark.parametrize("node", ["", "byMessage", "bySignal", "byTimer"])
def test_an_instance_begins_where_its_event_came(node: str) -> None:
    game = Game(begun().model(), begins=node, number=1)
    assert game.at == ["A"]
    assert game.went() == [node or "start", "merge", "A"]
    assert game.variables == ({"n": 2} if node == "byMessage" else {"number": 1})


def test_a_process_only_a_message_begins_is_not_started_by_hand() -> None:
    drawing = Drawing().end().message("m", "order").user("A").chain("s", "A", "end")
    model = drawing.node("startEvent", "s", on_message("m")).model()
    assert model.start == ""
    with pytest.raises(WrongEvent):
        Game(model)
    assert Game(model, begins="s").at == ["A"]


def test_a_receive_task_may_begin_an_instance() -> None:
    drawing = Drawing().end().message("m", "order").user("A").chain("R", "A", "end")
    drawing.node("receiveTask", "R", messageRef="m", instantiate="true", k_out="n=number")
    game = Game(drawing.model(), begins="R", number=7)
    assert (game.at, game.variables) == (["A"], {"n": 7})


def test_a_receive_task_that_begins_has_nothing_before_it() -> None:
    drawing = line("R").message("m", "order")
    drawing.node("receiveTask", "R", messageRef="m", instantiate="true")
    (fault,) = faults(drawing)
    assert "leads into a receive task that begins" in fault.what


def test_an_event_based_gateway_begins_nothing() -> None:
    drawing = line("G").node("eventBasedGateway", "G", instantiate="true")
    assert any('instantiate="true"' in fault.what for fault in faults(drawing))


@pytest.mark.parametrize(
    ("definition", "what", "remedy"),
    [
        (on_condition("n > 1"), "conditionalEventDefinition", "conditional catch event"),
        (on_error(), "errorEventDefinition", "event sub-process"),
        ("<bpmn:escalationEventDefinition/>", "escalationEventDefinition", "event sub-process"),
        ("<bpmn:compensateEventDefinition/>", "compensateEventDefinition", "event sub-process"),
        (timer(duration="PT1H"), "timeDuration", "timeDate"),
        (timer(cycle='"R/" + rhythm'), "not written as a constant", "no variables yet"),
        (timer(date='date("2026-01-01")'), "not written as a constant", "no variables yet"),
        (timer(cycle="R/x"), "ISO 8601", "R3/PT1H"),
    ],
)
def test_starts_that_are_refused(definition: str, what: str, remedy: str) -> None:
    drawing = line("A").user("A").node("startEvent", "s", definition).chain("s", "A")
    (fault,) = faults(drawing)
    assert what in fault.what
    assert remedy in fault.remedy
    assert fault.line == drawing.line_of('id="s"')


def test_several_starts_without_a_definition_are_refused() -> None:
    (fault,) = faults(line("A").user("A").start("s2").chain("s2", "A"))
    assert "several start events without a definition" in fault.what


def test_one_message_begins_one_thing() -> None:
    drawing = begun().node("startEvent", "again", on_message("m")).chain("again", "merge")
    (fault,) = faults(drawing)
    assert "order begins an instance at two places" in fault.what


# ---- cycles in an event sub-process


def watched_over(cycle: str, *, interrupting: bool = False) -> Drawing:
    """A process with an event sub-process that a timer begins: W, beside A."""
    flag = {} if interrupting else {"isInterrupting": "false"}
    inner = Drawing(flows="g").node("startEvent", "t", timer(cycle=cycle), **flag)
    inner.user("W").end("z").chain("t", "W", "z")
    return line("A").user("A").sub("E", inner, triggeredByEvent="true")


def test_a_cycle_begins_an_event_sub_process_as_often_as_it_says() -> None:
    game = Game(watched_over("R3/PT1H").model())
    seen = []
    while game.timers:
        ((token, _node),) = game.timers
        (opened,) = game.timers.values()
        seen.append((opened.at, opened.count))
        game.play(TimerFired(now=NOW, token=token, node="t", count=opened.count, due=opened.at))
    assert seen == [(NOW + HOUR, 1), (NOW + 2 * HOUR, 2), (NOW + 3 * HOUR, 3)]
    assert list(game.work.values()).count("W") == 3
    game.complete("A")
    for _ in range(3):
        game.complete("W")
    assert game.state == "completed"


def test_an_endless_cycle_of_an_event_sub_process_ends_with_the_work() -> None:
    game = Game(watched_over("R/PT1H").model())
    ((token, _node),) = game.timers
    game.play(TimerFired(now=NOW, token=token, node="t", count=1, due=NOW))
    game.complete("A").complete("W")
    assert game.state == "completed"
    assert not game.timers


def test_a_cycle_of_an_event_sub_process_that_interrupts_is_refused() -> None:
    (fault,) = faults(watched_over("R3/PT1H", interrupting=True))
    assert "happens only once" in fault.what


def test_a_start_inside_a_sub_process_waits_for_nothing() -> None:
    inner = Drawing(flows="g").node("startEvent", "t", timer(cycle="R/P1D"))
    inner.user("W").end("z").chain("t", "W", "z")
    found = faults(line("S").sub("S", inner))
    assert any("begins inside a sub-process" in fault.what for fault in found)


# ---- what hangs on tasks that are done within the step


@pytest.mark.parametrize("kind", ["script", "send", "rule"])
def test_a_boundary_timer_at_a_task_of_a_machine_runs_while_it_is_stuck(kind: str) -> None:
    drawing = line("S").user("Late").end("e2").message("m", "x")
    if kind == "script":
        drawing.script("S", "[n]")
    elif kind == "send":
        drawing.node("sendTask", "S", messageRef="m", k_key="n")
    else:
        drawing.node("businessRuleTask", "S", k_decision="d.dmn#D")
    drawing.boundary("B", "S", timer(duration="PT1H")).chain("B", "Late", "e2")
    if kind == "rule":
        assert drawing.model().nodes["S"].boundaries == ("B",)
        return
    game = Game(drawing.model())
    assert game.at == ["S"]
    assert game.cause("S") == "data"
    game.fire("S", "B")
    assert game.at == ["Late"]


@pytest.mark.parametrize("kind", ["scriptTask", "sendTask", "businessRuleTask"])
def test_an_error_boundary_where_nothing_raises_one_is_refused(kind: str) -> None:
    drawing = line("S").end("e2").message("m", "x")
    attributes = {
        "scriptTask": {"scriptFormat": "FEEL"},
        "sendTask": {"messageRef": "m", "k_key": "n"},
        "businessRuleTask": {"k_decision": "d.dmn#D"},
    }[kind]
    drawing.node(
        kind, "S", "<bpmn:script>{a: 1}</bpmn:script>" * (kind == "scriptTask"), **attributes
    )
    (fault,) = faults(drawing.boundary("B", "S", on_error()).chain("B", "e2"))
    assert "raises no errors" in fault.what
