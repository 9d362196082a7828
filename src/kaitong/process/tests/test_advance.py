"""The token game, element by element. The shell in memory checks its invariants at every step."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from kaitong.process.advance import StaleEvent, WrongEvent, advance, settle
from kaitong.process.model import (
    AddToken,
    Cancelled,
    Completed,
    Failed,
    OpenTimer,
    Record,
    RemoveToken,
    Returned,
    SetVariables,
    Started,
    State,
    TimerFired,
    Token,
    WaitKind,
)
from kaitong.process.tests.core_drawing import (
    Drawing,
    hosted,
    line,
    on_message,
    split,
    timer,
)
from kaitong.process.tests.core_kit import EXTERNAL, NOW, Game

# ---- waiting nodes


def test_user_task_waits_and_its_answers_become_variables() -> None:
    game = Game(line("A").user("A").model(), order="o1")
    assert game.at == ["A"]
    assert list(game.work.values()) == ["A"]
    game.complete("A", speed=Decimal(300))
    assert game.state == "completed"
    assert game.variables == {"order": "o1", "speed": 300}
    assert game.went() == ["start", "A", "end"]


def test_manual_task_waits_like_a_user_task() -> None:
    game = Game(line("A").manual("A").model())
    assert game.complete("A").state == "completed"


def test_outputs_set_only_what_they_name() -> None:
    drawing = line("A").user("A", k_out='total=price * count; note="第" + string(count)')
    game = Game(drawing.model()).complete("A", price=Decimal(5), count=2)
    assert game.variables == {"total": Decimal(10), "note": "第2"}


def test_dates_are_kept_as_iso_text() -> None:
    drawing = line("A").user("A", k_out='day=date(text) + duration("P1D")')
    game = Game(drawing.model()).complete("A", text="2026-02-28")
    assert game.variables == {"day": "2026-03-01"}


def test_values_read_the_same_within_the_step_and_after_it_was_stored() -> None:
    drawing = line("S1", "S2").service("S1", "take").service("S2", "use", k_in="day=day; port=port")
    given = {"day": NOW.date(), "port": UUID(int=7), "share": Decimal(1) / Decimal(3)}
    game = Game(drawing.model(), {"take": lambda i: given})
    assert game.calls[1] == ("use", {"day": "2026-03-02", "port": str(UUID(int=7))})
    assert game.variables["share"] == Decimal("0.333333333333333")  # the digits JSON keeps


def test_receive_task_subscribes_by_name_and_key() -> None:
    drawing = line("R").message("m", "session-seen").receive("R", "m", "account")
    game = Game(drawing.model(), account="a1")
    (subscription,) = game.subscriptions.values()
    assert (subscription.message, subscription.key) == ("session-seen", "a1")
    assert game.tell("R", port="0/3/6").state == "completed"
    assert game.variables["port"] == "0/3/6"


def test_message_catch_event_without_a_key_value_is_an_incident() -> None:
    drawing = line("M").message("m", "seen")
    drawing.node("intermediateCatchEvent", "M", on_message("m"), k_key="account")
    game = Game(drawing.model())
    assert game.cause("M") == "data"
    assert game.by_hand("M").state == "completed"


@pytest.mark.parametrize(
    ("spec", "at"),
    [
        (timer(duration="PT48H"), NOW + timedelta(hours=48)),
        (timer(duration="P1M"), datetime(2026, 4, 2, 1, 30, tzinfo=UTC)),
        (timer(duration='duration("PT1H") * 2'), NOW + timedelta(hours=2)),
        (timer(duration="delay"), NOW + timedelta(days=3)),
        (timer(date="2026-05-01T08:00:00+08:00"), datetime(2026, 5, 1, tzinfo=UTC)),
        (timer(date="wake"), datetime(2026, 4, 30, 16, tzinfo=UTC)),
    ],
)
def test_timer_catch_event(spec: str, at: datetime) -> None:
    drawing = line("T").node("intermediateCatchEvent", "T", spec)
    game = Game(drawing.model(), delay="P3D", wake="2026-05-01")
    (opened,) = game.timers.values()
    assert opened.at == at
    assert game.fire("T").state == "completed"


def test_working_timer_leaves_the_calendar_to_the_shell() -> None:
    drawing = line("T")
    drawing.node("intermediateCatchEvent", "T", timer(duration="P2D"), k_working="true")
    (opened,) = Game(drawing.model()).timers.values()
    assert (opened.at, opened.duration, opened.working) == (None, "P2D", True)


def test_timer_without_a_value_is_an_incident_and_can_be_retried() -> None:
    drawing = line("A", "T").user("A").node("intermediateCatchEvent", "T", timer(duration="delay"))
    game = Game(drawing.model()).complete("A")
    assert game.cause("T") == "data"
    game.variables["delay"] = "PT1H"
    game.retry("T")
    assert [key[1] for key in game.timers] == ["T"]
    assert game.fire("T").state == "completed"


# ---- services


def test_transactional_actions_are_called_in_one_step_and_see_earlier_values() -> None:
    drawing = line("S1", "S2").service("S1", "take", k_in="n=count + 1")
    drawing.service("S2", "take", k_in="n=port", k_out="final=port")
    game = Game(drawing.model(), {"take": lambda i: {"port": i["n"] * 2}}, count=Decimal(1))
    assert game.calls == [("take", {"n": 2}), ("take", {"n": 4})]
    assert game.variables == {"count": 1, "port": 4, "final": 8}
    assert game.state == "completed"


def test_external_action_waits_as_a_command() -> None:
    game = Game(line("S").service("S", "send", k_in="account=account").model(), account="a1")
    (command,) = game.commands.values()
    assert (command.action, command.inputs) == ("send", {"account": "a1"})
    assert game.returned("S", proof="ok").state == "completed"
    assert game.variables["proof"] == "ok"


def test_failed_external_action_is_an_incident_and_retry_evaluates_inputs_again() -> None:
    drawing = line("S").service("S", "send", k_in="account=account")
    game = Game(drawing.model(), account="a1").failed("S")
    assert game.cause("S") == "network"
    assert not game.commands
    game.variables["account"] = "a2"
    game.retry("S")
    (command,) = game.commands.values()
    assert command.inputs == {"account": "a2"}
    assert game.returned("S").state == "completed"


def test_an_action_that_raises_keeps_the_completion_and_parks_the_token() -> None:
    broken = [True]

    def work(inputs: object) -> dict[str, str]:
        if broken:
            raise RuntimeError("no such port")
        return {"port": "1"}

    game = Game(line("A", "S").user("A").service("S").model(), {"work": work})
    game.complete("A", speed=300)
    assert game.at == ["S"]
    assert game.cause("S") == "bug"
    assert game.variables == {"speed": 300}
    game.retry("S")
    assert game.cause("S") == "bug"
    broken.clear()
    assert game.retry("S").state == "completed"
    assert game.variables["port"] == "1"


def test_done_by_hand_goes_on_with_the_given_variables() -> None:
    drawing = line("S").service("S", "send", k_out="port=result.port")
    game = Game(drawing.model()).failed("S").by_hand("S", port="0/1/2")
    assert game.state == "completed"
    assert game.variables == {"port": "0/1/2"}


def test_an_input_without_meaning_is_an_incident() -> None:
    drawing = line("S").service("S", k_in='n=1 + "a"')
    game = Game(drawing.model())
    assert game.cause("S") == "data"
    assert not game.calls


def test_an_output_without_meaning_keeps_the_answers_in_the_history() -> None:
    game = Game(line("A").user("A", k_out="n=1 / divisor").model())
    game.complete("A", divisor=0)
    assert game.cause("A") == "data"
    assert game.history[-1].data["values"] == {"divisor": 0}
    game.retry("A")
    assert game.complete("A", divisor=4).variables == {"n": Decimal("0.25")}
    assert game.state == "completed"


# ---- gateways


def choice(default: str = "f9") -> Drawing:
    drawing = Drawing().start().end().end("end2").user("A").exclusive("G", default)
    drawing.chain("start", "A", "G").user("B").user("C").user("D")
    drawing.flow("G", "B", "speed > 100").flow("G", "C", "speed > 10")
    if default:
        drawing.flow("G", "D", id_="f9")
    else:
        drawing.flow("G", "D", 'speed = 1 and kind = "x"')
    return drawing.flow("B", "end").flow("C", "end").flow("D", "end2")


@pytest.mark.parametrize(("speed", "taken"), [(500, "B"), (50, "C"), (5, "D")])
def test_exclusive_gateway_takes_the_first_flow_that_holds_else_the_default(
    speed: int, taken: str
) -> None:
    assert Game(choice().model()).complete("A", speed=speed).at == [taken]


def test_exclusive_gateway_without_a_way_is_an_incident_that_retries_evaluate_again() -> None:
    game = Game(choice("").model()).complete("A", speed=1, kind="y")
    assert game.at == ["G"]
    assert game.cause("G") == "data"
    game.retry("G")
    assert game.cause("G") == "data"
    assert game.by_hand("G", kind="x").at == ["D"]


def test_a_condition_that_is_unknown_does_not_take_the_default() -> None:
    game = Game(choice().model()).complete("A")
    assert game.cause("G") == "data"
    assert "未知" in game.incidents[game.token("G")].message
    game.variables["speed"] = 20
    assert game.retry("G").at == ["C"]


def test_parallel_gateway_forks_and_joins_once() -> None:
    game = Game(split().model())
    assert game.at == ["A", "B"]
    game.complete("B").complete("A")
    assert game.at == ["A2", "join"]
    game.complete("A2")
    assert game.at == ["C"]
    assert game.complete("C").state == "completed"
    assert game.went().count("C") == 1


def test_join_in_the_same_step_leaves_no_row_behind() -> None:
    drawing = Drawing().start().end().parallel("fork").parallel("join")
    drawing.service("S1").service("S2").chain("start", "fork", "S1", "join", "end")
    game = Game(drawing.chain("fork", "S2", "join").model())
    assert game.state == "completed"
    assert not [e for e in game.last if isinstance(e, AddToken | RemoveToken)]


def test_join_counts_distinct_flows_and_keeps_the_surplus_for_the_next_round() -> None:
    """Two tokens by one flow do not complete a join; the second waits for the next partner."""
    model = split().model()
    fa = next(f.id for f in model.nodes["A2"].outgoing)
    tokens = (
        Token(UUID(int=1), "join", WaitKind.JOIN, arrived_by=fa),
        Token(UUID(int=2), "A2", WaitKind.WORK),
        Token(UUID(int=3), "B", WaitKind.WORK),
        Token(UUID(int=4), "B", WaitKind.WORK),
    )
    step = advance(model, State(tokens), Completed(now=NOW, token=UUID(int=2)), external=EXTERNAL)
    assert sorted(t.node for t in step.state.tokens) == ["B", "B", "join", "join"]
    state = State(tuple(t for t in step.state.tokens))
    step = advance(model, state, Completed(now=NOW, token=UUID(int=3)), external=EXTERNAL)
    assert sorted(t.node for t in step.state.tokens) == ["B", "C", "join"]
    assert RemoveToken(UUID(int=1), "join", "joined") in step.effects  # the first to come
    step = advance(model, step.state, Completed(now=NOW, token=UUID(int=4)), external=EXTERNAL)
    assert sorted(t.node for t in step.state.tokens) == ["C", "C"]


def test_join_inside_a_loop_waits_anew_in_every_round() -> None:
    drawing = Drawing().start().end().exclusive("merge").exclusive("again", "out")
    drawing.parallel("fork").parallel("join").user("A").user("B").user("Ask")
    drawing.chain("start", "merge", "fork", "A", "join", "Ask", "again").chain("fork", "B", "join")
    drawing.flow("again", "merge", "more").flow("again", "end", id_="out")
    game = Game(drawing.model())
    for more in (True, True, False):
        assert game.complete("A").at == ["B", "join"]
        game.complete("B").complete("Ask", more=more)
    assert game.state == "completed"
    assert game.went().count("Ask") == 3


def test_a_join_nobody_completes_is_an_incident_a_person_can_push_on() -> None:
    drawing = Drawing().start().end().end("out").parallel("fork").parallel("join").user("A")
    drawing.exclusive("G", "d").user("B").chain("start", "fork", "A", "join", "end")
    drawing.chain("fork", "B", "G").flow("G", "join", "ok").flow("G", "out", id_="d")
    game = Game(drawing.model()).complete("A").complete("B", ok=False)
    assert game.at == ["join"]
    assert game.cause("join") == "deadlock"
    game.retry("join")
    assert game.cause("join") == "deadlock"
    assert game.by_hand("join").state == "completed"


def test_several_flows_out_of_a_task_fork_and_implicit_merges_pass_each_token() -> None:
    drawing = Drawing().start().end().user("A").user("B").user("C").user("D")
    drawing.chain("start", "A", "B", "D", "end").chain("A", "C", "D")
    game = Game(drawing.model()).complete("A")
    assert game.at == ["B", "C"]
    game.complete("B").complete("C")
    assert game.at == ["D", "D"]
    assert game.complete("D").complete("D").state == "completed"


def test_a_call_in_one_branch_does_not_lose_the_tokens_of_the_others() -> None:
    drawing = Drawing().start().end().parallel("fork").parallel("join").user("C").user("D")
    drawing.service("S1").service("S2").chain("start", "fork", "S1", "C", "join", "end")
    drawing.chain("fork", "S2", "join").chain("fork", "D", "join")
    game = Game(drawing.model(), {"work": lambda i: {}})
    assert len(game.calls) == 2
    assert game.at == ["C", "D", "join"]
    assert game.complete("D").complete("C").state == "completed"


def test_an_endless_loop_is_an_incident() -> None:
    drawing = Drawing().start().end().exclusive("G", "out").exclusive("H").user("A")
    drawing.chain("start", "A", "G").flow("G", "H", "spin").flow("H", "G")
    game = Game(drawing.flow("G", "end", id_="out").model()).complete("A", spin=True)
    assert game.cause(game.at[0]) == "loop"
    game.variables["spin"] = False
    assert game.retry(game.at[0]).state == "completed"


def test_an_endless_loop_through_transactional_actions_is_an_incident() -> None:
    drawing = Drawing().start().end().exclusive("G", "back").service("S")
    drawing.chain("start", "S", "G").flow("G", "end", "done").flow("G", "S", id_="back")
    runs: list[int] = []

    def work(inputs: object) -> dict[str, bool]:
        runs.append(1)
        return {"done": False}

    state = State()
    step = advance(drawing.model(), state, Started(now=NOW), external=EXTERNAL)
    while step.call is not None:
        event = Returned(now=NOW, token=step.call.token, values=work({}))
        step = advance(drawing.model(), step.state, event, external=EXTERNAL)
        if len(runs) == 20:  # shorten the way to the bound
            step = step.__class__(
                State(
                    step.state.tokens,
                    step.state.variables,
                    True,
                    step.state.calling,
                    step.state.serial,
                    9_990,
                ),
                step.effects,
                step.call,
            )
    assert [token.wait for token in step.state.tokens] == [WaitKind.INCIDENT]
    assert len(runs) < 40


def test_a_process_that_multiplies_its_tokens_is_stopped() -> None:
    drawing = Drawing().start().end().parallel("fork").exclusive("merge").exclusive("G", "out")
    drawing.chain("start", "merge", "fork", "G").chain("fork", "merge")
    drawing.flow("G", "merge", "true").flow("G", "end", id_="out")
    step = advance(drawing.model(), State(), Started(now=NOW), external=EXTERNAL)
    assert {token.wait for token in step.state.tokens} == {WaitKind.INCIDENT}
    assert len(step.state.tokens) < 12_000


# ---- what does not fit


def test_an_event_for_a_gone_token_is_stale() -> None:
    game = Game(split().model())
    token = game.token("A")
    game.complete("A")
    with pytest.raises(StaleEvent):
        game.play(Completed(now=NOW, token=token))


def test_an_ended_instance_takes_no_event() -> None:
    game = Game(line("A").user("A").model())
    token = game.token("A")
    game.complete("A")
    with pytest.raises(StaleEvent):
        game.play(Cancelled(now=NOW))
    with pytest.raises(StaleEvent):
        game.play(Completed(now=NOW, token=token))


def test_events_that_do_not_fit_the_wait_are_refused() -> None:
    game = Game(hosted(interrupting=True).model())
    for wrong in (
        lambda: game.returned("A"),
        lambda: game.failed("A"),
        lambda: game.retry("A"),
        lambda: game.by_hand("A"),
        lambda: game.fire("A", "late"),
        lambda: game.tell("A", "B"),
        lambda: game.play(Started(now=NOW)),
    ):
        with pytest.raises(WrongEvent):
            wrong()
    assert game.at == ["A"]


def test_only_the_outcome_of_the_call_is_taken_while_it_is_under_way() -> None:
    model = line("S").service("S").model()
    step = advance(model, State(), Started(now=NOW), external=EXTERNAL)
    assert step.call is not None
    for wrong in (
        Cancelled(now=NOW),
        Completed(now=NOW, token=step.call.token),
        Failed(now=NOW, token=UUID(int=9), cause="bug"),
    ):
        with pytest.raises(WrongEvent):
            advance(model, step.state, wrong, external=EXTERNAL)
    done = advance(model, step.state, Returned(now=NOW, token=step.call.token), external=EXTERNAL)
    assert not done.state.running


# ---- the effects themselves


def test_effects_of_a_step_in_their_order() -> None:
    model = (
        line("A", "S", "T")
        .user("A")
        .service("S")
        .node("intermediateCatchEvent", "T", timer(duration="PT1H"))
        .model()
    )
    start = advance(model, State(), Started(now=NOW), external=EXTERNAL)
    stored = Token(UUID(int=1), "A", WaitKind.WORK)
    assert [type(e).__name__ for e in start.effects] == [
        "Record", "Record", "Record", "AddToken", "OpenWork"
    ]  # fmt: skip
    first = advance(
        model,
        State((stored,), {"x": 1}),
        Completed(now=NOW, token=stored.id, values={"y": 2}),
        external=EXTERNAL,
    )
    assert first.call is not None
    assert first.effects == (
        SetVariables({"y": 2}),
        Record("left", "A", stored.id),
        RemoveToken(stored.id, "A", "completed"),
        Record("entered", "S", -1, {"flow": "f2"}),
    )
    second = advance(
        model, first.state, Returned(now=NOW, token=first.call.token), external=EXTERNAL
    )
    assert second.effects == (
        Record("left", "S", -1),
        Record("entered", "T", -1, {"flow": "f3"}),
        AddToken(Token(-1, "T", WaitKind.TIMER, arrived_by="f3")),
        OpenTimer(-1, "T", at=NOW + timedelta(hours=1)),
    )
    assert settle((*first.effects, *second.effects)) == (*first.effects, *second.effects)


def test_the_core_does_not_import_django() -> None:
    code = (
        "import sys; sys.modules['django'] = None\n"
        "import kaitong.process.bpmn, kaitong.process.advance, kaitong.process.feel\n"
        "print('pure')"
    )
    env = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )
    assert done.stdout.strip() == "pure", done.stderr


def test_a_timer_event_of_a_gone_boundary_is_refused_without_a_change() -> None:
    model = hosted(interrupting=True).model()
    tokens = (Token(UUID(int=1), "Late", WaitKind.WORK),)
    event = TimerFired(now=NOW, token=UUID(int=1), node="B")
    with pytest.raises(WrongEvent):
        advance(model, State(tokens), event, external=EXTERNAL)
