"""Event-based gateways and messages a process says, on the pure core and at deployment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kaitong.process.advance import StaleEvent, WrongEvent
from kaitong.process.bpmn import parse
from kaitong.process.model import MessageArrived, RefusedProcess, TimerFired
from kaitong.process.tests.core_drawing import Drawing, on_message, timer
from kaitong.process.tests.core_kit import NOW, Game


def race(**answered: str) -> Drawing:
    """The customer answers, the technician answers, or two days pass."""
    drawing = Drawing().start().end().message("m", "answered").message("t", "done")
    drawing.event_gateway("G")
    drawing.catch("Answered", on_message("m"), k_key="account", **answered)
    drawing.catch("Done", on_message("t"), k_key="account")
    drawing.catch("Late", timer(duration="PT48H"))
    for arm in ("Answered", "Done", "Late"):
        drawing.user(f"After{arm}").chain("G", arm, f"After{arm}", "end")
    return drawing.chain("start", "G")


def test_all_waits_are_open_at_once_and_the_first_withdraws_the_others() -> None:
    game = Game(race().model(), account="a1")
    assert game.at == ["G"]
    assert sorted(node for _, node in game.subscriptions) == ["Answered", "Done"]
    assert [t.at for t in game.timers.values()] == [NOW + timedelta(hours=48)]
    game.tell("G", "Done", power=-19)
    assert game.at == ["AfterDone"]
    assert (game.timers, game.subscriptions) == ({}, {})
    assert game.variables["power"] == -19
    assert game.went("left") == ["start", "G", "Done"]
    assert game.complete("AfterDone").state == "completed"


def test_the_timer_may_come_first() -> None:
    game = Game(race().model(), account="a1").fire("G", "Late")
    assert game.at == ["AfterLate"]
    assert (game.timers, game.subscriptions) == ({}, {})


def test_what_comes_second_comes_too_late() -> None:
    game = Game(race().model(), account="a1")
    token = game.token("G")
    game.tell("G", "Answered")
    with pytest.raises(StaleEvent):
        game.play(TimerFired(now=NOW, token=token, node="Late"))
    assert game.at == ["AfterAnswered"]


def test_an_event_that_is_no_arm_of_the_gateway() -> None:
    game = Game(race().model(), account="a1")
    with pytest.raises(WrongEvent):
        game.play(MessageArrived(now=NOW, token=game.token("G"), node="AfterLate"))
    assert game.at == ["G"]


def test_a_wait_without_a_key_opens_none_and_is_an_incident() -> None:
    game = Game(race().model())
    assert game.cause("G") == "data"
    assert (game.timers, game.subscriptions) == ({}, {})
    game.by_hand("G", account="a1")
    assert (len(game.timers), len(game.subscriptions)) == (1, 2)


def test_an_answer_that_cannot_be_mapped_is_parked_at_its_event() -> None:
    game = Game(race(k_out="x=power + 1").model(), account="a1")
    game.tell("G", "Answered", power="much")
    assert game.cause("Answered") == "data"
    assert (game.timers, game.subscriptions) == ({}, {})
    assert game.by_hand("Answered", x=1).at == ["AfterAnswered"]


def test_cancelling_withdraws_every_wait() -> None:
    drawing = race().parallel("F").user("W").end("stop", "terminateEventDefinition")
    drawing.lines = [line.replace('sourceRef="start"', 'sourceRef="F"') for line in drawing.lines]
    game = Game(drawing.chain("start", "F", "W", "stop").model(), account="a1")
    assert game.at == ["G", "W"]
    game.complete("W")
    assert game.state == "terminated"
    assert (game.timers, game.subscriptions) == ({}, {})


def test_receive_tasks_may_stand_behind_the_gateway() -> None:
    drawing = Drawing().start().end().message("m", "answered").event_gateway("G")
    drawing.receive("R", "m", "account").catch("Late", timer(duration="PT1H"))
    drawing.chain("start", "G", "R", "end").chain("G", "Late", "end")
    assert Game(drawing.model(), account="a1").tell("G", "R").state == "completed"


# ---- messages a process says


def saying(**attributes: str) -> Drawing:
    drawing = Drawing().start().end().message("m", "moved-out").user("After")
    drawing.throw("Say", "m", **{"key": "service_id", **attributes})
    return drawing.chain("start", "Say", "After", "end")


def test_a_thrown_message_carries_key_and_values() -> None:
    model = saying(k_in="port=port_id; why=upper case(reason)").model()
    game = Game(model, service_id="s1", port_id="p9", reason="moved")
    (said,) = game.said
    assert (said.message, said.key, dict(said.values)) == (
        "moved-out",
        "s1",
        {"port": "p9", "why": "MOVED"},
    )
    assert game.at == ["After"]


def test_a_message_without_a_key_is_an_incident_and_says_nothing() -> None:
    game = Game(saying().model())
    assert game.cause("Say") == "data"
    assert game.said == []
    game.variables["service_id"] = "s2"
    game.retry("Say")
    assert [said.key for said in game.said] == ["s2"]


def test_a_message_end_says_it_and_ends_its_token() -> None:
    drawing = Drawing().start().message("m", "moved-out")
    drawing.node("endEvent", "end", on_message("m"), k_key="service_id")
    game = Game(drawing.chain("start", "end").model(), service_id="s1")
    assert [said.message for said in game.said] == ["moved-out"]
    assert game.state == "completed"


def test_a_loop_that_only_talks_is_stopped() -> None:
    drawing = Drawing().start().end().message("m", "moved-out").exclusive("X", "out")
    drawing.throw("Say", "m", "1").chain("start", "Say", "X").flow("X", "Say", "true")
    game = Game(drawing.flow("X", "end", id_="out").model())
    assert [i.cause for i in game.incidents.values()] == ["loop"]


# ---- what is refused


def faults(drawing: Drawing) -> list[str]:
    with pytest.raises(RefusedProcess) as refused:
        parse(drawing.text().encode(), "test.bpmn")
    return [f"{fault.element}: {fault.what}" for fault in refused.value.faults]


def test_only_waits_may_follow_an_event_gateway() -> None:
    drawing = Drawing().start().end().event_gateway("G").user("U")
    drawing.catch("Late", timer(duration="PT1H")).chain("start", "G", "U", "end")
    (fault,) = faults(drawing.chain("G", "Late", "end"))
    assert fault.startswith("userTask U: U, a user node, follows the event-based gateway G")


def test_an_arm_has_one_flow_and_no_boundary() -> None:
    drawing = Drawing().start().end().message("m", "answered").event_gateway("G").user("U")
    drawing.receive("R", "m", "1").catch("Late", timer(duration="PT1H"))
    drawing.boundary("B", "R", timer(duration="PT2H")).chain("B", "end")
    drawing.chain("start", "G", "R", "end").chain("G", "Late", "U", "R")
    found = faults(drawing)
    assert any("Several flows lead to R" in fault for fault in found)
    assert any("has boundary events" in fault for fault in found)


def test_one_way_out_conditions_and_mixed_kinds() -> None:
    lonely = Drawing().start().end().event_gateway("G").catch("Late", timer(duration="PT1H"))
    assert "fewer than two" in faults(lonely.chain("start", "G", "Late", "end"))[0]
    asking = race()
    condition = "<bpmn:conditionExpression>true</bpmn:conditionExpression></bpmn:sequenceFlow>"
    asking.lines = [
        line.replace("</bpmn:sequenceFlow>", condition) if 'targetRef="Late"' in line else line
        for line in asking.lines
    ]
    assert "on a condition" in faults(asking)[0]
    mixed = Drawing().start().end().message("m", "answered").event_gateway("G")
    mixed.receive("R", "m", "1").catch("C", on_message("m"), k_key="2")
    assert (
        "receive tasks and message"
        in faults(mixed.chain("start", "G", "R", "end").chain("G", "C", "end"))[0]
    )


def test_the_parallel_kind_of_event_gateway() -> None:
    drawing = race()
    drawing.lines = [
        line.replace('id="G"', 'id="G" eventGatewayType="Parallel"') for line in drawing.lines
    ]
    assert "eventGatewayType" in faults(drawing)[0]


@pytest.mark.parametrize(
    ("inside", "attributes", "what"),
    [
        (on_message("m"), {}, "no correlation key"),
        (on_message("other"), {"k_key": "1"}, "does not exist"),
        ("<bpmn:signalEventDefinition/>", {}, "names no signal"),
        (on_message("m"), {"k_key": "1", "k_out": "a=b"}, "kaitong:out has no meaning"),
    ],
)
def test_throw_events_with_faults(inside: str, attributes: dict[str, str], what: str) -> None:
    drawing = Drawing().start().end().message("m", "moved-out")
    drawing.node("intermediateThrowEvent", "Say", inside, **attributes)
    assert what in faults(drawing.chain("start", "Say", "end"))[0]
