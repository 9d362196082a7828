"""Decision tables: hit policies, cells, requirements, and every fault with its cell."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

import pytest

from kaitong.process.bpmn import parse as parse_bpmn
from kaitong.process.dmn import DecisionError, Decisions, parse
from kaitong.process.model import Fault, RefusedProcess
from kaitong.process.tests.core_drawing import Drawing, line
from kaitong.process.tests.core_kit import Game

HEAD = (
    '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="试验"'
    ' namespace="urn:test">\n'
)


def cell(tag: str, text: str) -> str:
    return f"<{tag}><text>{escape(text)}</text></{tag}>"


def table(
    columns: str,
    *rows: str,
    hit: str = "UNIQUE",
    allowed: str = "",
    given: str = "",
    default: str = "",
    extra: str = "",
    type_: str = "",
    of: str = "",
) -> str:
    """A decision `D`: `columns` are `in1 in2 > out1 out2`, a row `< 5 | "a" > 1 | 2`."""
    inputs, _, outputs = columns.partition(">")
    parts = []
    for name in inputs.split():
        allowed_in = cell("inputValues", given) if given else ""
        expression = f"<inputExpression{type_}><text>{name}</text></inputExpression>"
        parts.append(f"<input>{expression}{allowed_in}</input>\n")
    names = outputs.split()
    for name in names:
        inside = cell("outputValues", allowed) if allowed else ""
        inside += cell("defaultOutputEntry", default) if default else ""
        parts.append(f'<output name="{name}">{inside}</output>\n')
    for row in rows:
        left, _, right = row.rpartition("=>")
        tests = [cell("inputEntry", text.strip()) for text in left.split("|")] if left else []
        made = [cell("outputEntry", text.strip()) for text in right.split("|")]
        parts.append(f"<rule>{''.join(tests + made)}</rule>\n")
    attributes = f'hitPolicy="{hit}"' + (f' aggregation="{of}"' if of else "")
    return (
        f'<decision id="D" name="决定"><variable name="outcome"/>{extra}'
        f"<decisionTable {attributes}>\n{''.join(parts)}</decisionTable></decision>\n"
    )


def literal(id_: str, text: str, *requires: str, name: str = "") -> str:
    needed = "".join(
        f'<informationRequirement><{tag} href="#{to}"/></informationRequirement>'
        for tag, to in (requirement.split(":") for requirement in requires)
    )
    return (
        f'<decision id="{id_}" name="{name or id_}"><variable name="{name or id_}"/>{needed}'
        f"<literalExpression><text>{escape(text)}</text></literalExpression></decision>\n"
    )


def decisions(*bodies: str) -> Decisions:
    return parse((HEAD + "".join(bodies) + "</definitions>").encode(), "decisions/test.dmn")


def faults(*bodies: str) -> list[Fault]:
    with pytest.raises(RefusedProcess) as refused:
        decisions(*bodies)
    return refused.value.faults


def decide(body: str, **variables: Any) -> Any:
    return decisions(body).decide("D", variables)


# ---- hit policies

RATES = ("age > rate", '< 18 => "child"', '[18..65) => "adult"', '>= 65 => "old"')


@pytest.mark.parametrize(
    ("age", "rate"), [(17, "child"), (18, "adult"), (Decimal("64.9"), "adult"), (65, "old")]
)
def test_unique(age: Any, rate: str) -> None:
    assert decide(table(*RATES), age=age) == rate


def test_unique_with_several_rules_is_no_decision() -> None:
    with pytest.raises(DecisionError, match="规则 1、2 同时适用"):
        decide(table("age > rate", "> 1 => 1", "> 2 => 2"), age=5)


def test_no_rule_is_no_decision_unless_there_is_a_default() -> None:
    with pytest.raises(DecisionError, match="没有一条规则适用"):
        decide(table("age > rate", "> 1 => 1"), age=0)
    assert decide(table("age > rate", "> 1 => 1", default="7 + 1"), age=0) == 8
    assert decisions(table("age > rate", "> 1 => 1")).evaluate("D", {"age": 0}) is None


def test_an_unknown_input_meets_only_what_asks_nothing() -> None:
    body = table("age > rate", "< 18 => 1", "- => 2", hit="FIRST")
    assert decide(body, age=None) == 2
    assert decide(body) == 2


def test_any_wants_one_outcome() -> None:
    agreeing = table("age > rate", "> 1 => 5", "> 2 => 5", hit="ANY")
    assert decide(agreeing, age=3) == 5
    with pytest.raises(DecisionError, match="规则 1 和 2 同时适用，结果却不同"):
        decide(table("age > rate", "> 1 => 5", "> 2 => 6", hit="ANY"), age=3)


def test_first_stops_at_the_first() -> None:
    assert decide(table("age > rate", "> 2 => 1", "> 1 => 2", hit="FIRST"), age=3) == 1


WORDS = ("age > what", '> 1 => "low"', '> 2 => "high"', '> 3 => "low"')


def test_priority_and_output_order_follow_the_allowed_values() -> None:
    order = '"high", "low"'
    assert decide(table(*WORDS, hit="PRIORITY", allowed=order), age=9) == "high"
    assert decide(table(*WORDS, hit="PRIORITY", allowed=order), age=2) == "low"
    found = decide(table(*WORDS, hit="OUTPUT ORDER", allowed=order), age=9)
    assert found == ["high", "low", "low"]


@pytest.mark.parametrize(
    ("hit", "of", "expected"),
    [
        ("RULE ORDER", "", [4, 9, 4]),
        ("COLLECT", "", [4, 9, 4]),
        ("COLLECT", "SUM", 17),
        ("COLLECT", "COUNT", 3),
        ("COLLECT", "MIN", 4),
        ("COLLECT", "MAX", 9),
    ],
)
def test_several_outcomes(hit: str, of: str, expected: Any) -> None:
    body = table("age > n", "> 1 => 4", "> 2 => 9", "> 3 => 4", hit=hit, of=of)
    assert decide(body, age=5) == expected
    assert decide(body, age=0) is None


def test_several_outputs_make_a_context_and_rank_from_left_to_right() -> None:
    body = table(
        "age > a b",
        '> 1 => "x" | "y"',
        '> 2 => "x" | "x"',
        '> 3 => "y" | "x"',
        hit="PRIORITY",
        allowed='"x", "y"',
    )
    assert decide(body, age=9) == {"a": "x", "b": "x"}


# ---- cells


@pytest.mark.parametrize(
    ("entry", "value", "holds"),
    [
        ('"a", "b"', "b", True),
        ('not("a", "b")', "b", False),
        ('not("a", "b")', "c", True),
        ("[1..5], 9", 9, True),
        ("(1..5)", 5, False),
        ("]1..5[", 3, True),
        ("null", None, True),
        ("-", None, True),
        ("", "anything", True),
        ("> limit", 7, True),
        ("? * 2 = 14", 7, True),
        ('date("2026-01-31")', "2026-01-31", None),
        ("true", True, True),
        ('starts with(?, "休宁")', "休宁县", True),
        ("< 5", None, False),
    ],
)
def test_input_cells(entry: str, value: Any, holds: bool | None) -> None:
    body = table("x > y", f"{entry} => 1", "- => 2", hit="FIRST")
    assert decide(body, x=value, limit=5) == (1 if holds else 2)


def test_outputs_are_expressions_of_the_variables() -> None:
    body = table("x > y", "> 1 => if x > limit then upper case(word) else x + 1")
    assert decide(body, x=9, limit=5, word="abc") == "ABC"
    assert decide(body, x=3, limit=5) == 4


def test_dates_come_as_text_and_are_compared_as_dates() -> None:
    body = table(
        "day > y",
        '< date("2026-02-01") => "before"',
        '- => "after"',
        hit="FIRST",
        type_=' typeRef="date"',
    )
    assert decide(body, day="2026-01-31") == "before"
    with pytest.raises(DecisionError, match="not a date"):
        decide(body, day="31.01.2026")


def test_values_that_are_not_allowed_are_no_decision() -> None:
    body = table("x > y", '"a" => "p"', given='"a", "b"', allowed='"p", word')
    assert decide(body, x="a", word="q") == "p"
    with pytest.raises(DecisionError, match="不在允许的范围内"):
        decide(body, x="c")
    computed = table("x > y", "- => word", allowed='"p", "q"')
    with pytest.raises(DecisionError, match="规则 1，y：y 的值不在允许的范围内"):
        decide(computed, x=1, word="r")


def test_a_cell_without_meaning_says_where() -> None:
    with pytest.raises(DecisionError) as failed:
        decide(table("x > y", "- => 1 / x"), x=0)
    assert str(failed.value) == "决定，规则 1，y：division by zero"


# ---- decisions that require others

GRAPH = (
    '<inputData id="i" name="Monthly Salary"><variable name="Monthly Salary" typeRef="number"/>'
    "</inputData>\n",
    literal("year", "12 * Monthly Salary", "requiredInput:i", name="Yearly Salary"),
    literal("D", 'if Yearly Salary > 50 then "rich (Yearly Salary)" else "poor"',
            "requiredDecision:year"),
)  # fmt: skip


def test_decisions_require_others_and_names_may_hold_blanks() -> None:
    graph = decisions(*GRAPH)
    assert graph.decide("D", {"Monthly_Salary": 5}) == "rich (Yearly Salary)"
    assert graph.decide("Yearly Salary", {"Monthly_Salary": 4}) == 48
    with pytest.raises(DecisionError, match="应是 number，不是 string"):
        graph.decide("D", {"Monthly_Salary": "5"})


def test_a_type_with_parts_and_allowed_values() -> None:
    graph = decisions(
        '<itemDefinition name="tPort"><itemComponent name="box kind"><typeRef>string</typeRef>'
        '<allowedValues><text>"splitter", "onu"</text></allowedValues></itemComponent>'
        "</itemDefinition>\n",
        '<inputData id="p" name="port"><variable name="port" typeRef="tPort"/></inputData>',
        literal("D", 'port.box kind = "onu"', "requiredInput:p"),
    )
    assert graph.decide("D", {"port": {"box kind": "onu", "n": 1}}) is True
    with pytest.raises(DecisionError, match=r"port\.box_kind 的值不在允许的范围内"):
        graph.decide("D", {"port": {"box kind": "olt"}})
    with pytest.raises(DecisionError, match="应是一组值"):
        graph.decide("D", {"port": "onu"})


MODEL = (
    '<businessKnowledgeModel id="k" name="double"><encapsulatedLogic>'
    '<formalParameter name="n" typeRef="number"/><literalExpression><text>n * 2</text>'
    "</literalExpression></encapsulatedLogic></businessKnowledgeModel>\n"
)
CALLS = (
    '<decision id="D" name="D"><knowledgeRequirement><requiredKnowledge href="#k"/>'
    "</knowledgeRequirement><literalExpression><text>{}</text></literalExpression></decision>\n"
)


def test_a_business_knowledge_model_is_called_like_a_function() -> None:
    graph = decisions(MODEL, CALLS.format("double(double(3)) + sum([double(1), 1])"))
    assert graph.decide("D", {}) == 15
    with pytest.raises(DecisionError, match="double"):
        decisions(MODEL, CALLS.format("double(word)")).decide("D", {"word": "x"})


def test_calling_wrongly_is_a_fault() -> None:
    (fault,) = faults(MODEL, CALLS.format("double(1, 2)"))
    assert "takes 1 arguments, not 2" in fault.what
    assert "there is no function other()" in faults(MODEL, CALLS.format("other(1)"))[0].what


def test_circles_are_refused() -> None:
    found = faults(
        literal("a", "b + 1", "requiredDecision:b"), literal("b", "a + 1", "requiredDecision:a")
    )
    assert any("requires itself" in fault.what for fault in found)


# ---- faults


def test_every_fault_names_its_cell_and_line() -> None:
    body = table("age kind > rate", '< 18 | "a" => 1', '>= | "b" => 2 +', '> 1 | "a" => "x')
    found = faults(body)
    text = (HEAD + body).split("\n")
    assert [(fault.element, text[fault.line - 1].count("<rule>")) for fault in found] == [
        ("决定 rule 2, input age", 1),
        ("决定 rule 2, output rate", 1),
        ("决定 rule 3, output rate", 1),
    ]
    assert {fault.line for fault in found} == {7, 8}
    assert all(fault.file == "decisions/test.dmn" and fault.remedy for fault in found)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (table("x > y", "1 => 2", hit="BEST"), "no hit policy BEST"),
        (table("x > y", "1 => 2", hit="COLLECT", of="MEAN"), "no aggregation MEAN"),
        (table("x > y", "1 => 2", of="SUM"), "UNIQUE has no aggregation"),
        (table("x > y", "1 => 2", hit="PRIORITY"), "needs the order of the outcomes"),
        (table("x > y z", "1 => 2 | 3", hit="COLLECT", of="SUM"), "of several outputs"),
        (table("x > y y", "1 => 2 | 3"), "Two outputs have this name"),
        (table("x > y", "1 | 2 => 3"), "2 input and 1 output cells"),
        (table("x > y"), "no rule"),
        (table("x >", "1 =>"), "no output"),
        (table("x > y", '"c" => 2', given='"a", "b"'), "c is not among the allowed values"),
        (table("x > y", '1 => "c"', allowed='"a", "b"'), "c is not among the allowed values"),
        (table("x > y", "1 => 1 / 0"), "division by zero"),
        (table("x > y", "1 => 2", type_=' typeRef="tNothing"'), "no type tNothing"),
        ('<decision id="D" name="D"/>', "D has no logic"),
        ('<decision id="D" name="D"><relation/></decision>', "does not evaluate relation"),
        ('<decision id="D"><literalExpression><text>1</text></literalExpression></decision>',
         "has no name"),
        ('<decisionService id="S" name="S"/>', "does not read decisionService"),
        (literal("D", "1", "requiredInput:none"), "which is no inputData of this file"),
        (literal("D", "1") + literal("D", "2", name="E"), "The id D is used before"),
        (literal("D", "1", name="x") + literal("E", "2", name="x"), "The name x is used before"),
        ("", "no decision"),
    ],
)  # fmt: skip
def test_faults(body: str, what: str) -> None:
    found = faults(body)
    assert any(what in fault.what for fault in found), found
    assert all(fault.line > 0 for fault in found)


def test_a_name_nobody_gives_is_a_fault_where_requirements_are_drawn() -> None:
    given = '<inputData id="i" name="age"><variable name="age"/></inputData>'
    need = '<informationRequirement><requiredInput href="#i"/></informationRequirement>'
    (fault,) = faults(given, table("aeg > y", "1 => 2", extra=need))
    assert (fault.element, fault.what) == (
        "决定 input aeg",
        "aeg is nothing this decision requires.",
    )


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"<definitions/>", "no DMN file"),
        (b"<definitions", "malformed"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "document type"),
    ],
)
def test_files_that_are_none(data: bytes, what: str) -> None:
    with pytest.raises(RefusedProcess) as refused:
        parse(data, "x.dmn")
    assert what in refused.value.faults[0].what


def test_a_file_in_another_encoding_is_refused() -> None:
    body = '<?xml version="1.0" encoding="UTF-16"?>' + HEAD + literal("D", "1") + "</definitions>"
    with pytest.raises(RefusedProcess, match="UTF-8"):
        parse(body.encode("utf-16"), "x.dmn")


# ---- business rule tasks


def rules(decision: str = "decisions/test.dmn#D", **attributes: str) -> Drawing:
    drawing = line("R", "A").user("A")
    return drawing.node("businessRuleTask", "R", k_decision=decision, **attributes)


def model_of(drawing: Drawing, body: str) -> Any:
    tables = {"decisions/test.dmn": decisions(body)}
    return parse_bpmn(drawing.text().encode(), "test.bpmn", tables)


def test_the_outcome_is_a_variable_of_the_decisions_name() -> None:
    model = model_of(rules(), table(*RATES))
    game = Game(model, age=70)
    assert (game.at, game.variables["outcome"]) == (["A"], "old")
    assert set(model.decisions) == {"decisions/test.dmn"}


def test_in_adds_names_and_out_takes_parts() -> None:
    body = table("age > a b", '>= 18 => "x" | age + 1', hit="FIRST")
    drawing = rules(k_in="age=customer.age", k_out="what=outcome.a; next=outcome.b")
    game = Game(model_of(drawing, body), customer={"age": 30})
    assert {"what": "x", "next": 31}.items() <= game.variables.items()
    assert "outcome" not in game.variables


def test_what_cannot_be_decided_waits_for_a_person() -> None:
    game = Game(model_of(rules(), table("age > rate", "> 1 => 1")), age=0)
    assert game.cause("R") == "data"
    assert "没有一条规则适用" in game.incidents[game.token("R")].message
    game.variables["age"] = 5
    assert game.retry("R").at == ["A"]
    by_hand = Game(model_of(rules(), table("age > rate", "> 1 => 1")), age=0)
    assert by_hand.by_hand("R", outcome=3).at == ["A"]


@pytest.mark.parametrize(
    ("decision", "what"),
    [
        ("decisions/test.dmn#E", "holds no decision E"),
        ("decisions/none.dmn#D", "no decision file decisions/none.dmn"),
        ("decisions/test.dmn", "names decisions/test.dmn"),
        ("", "names no decision"),
    ],
)
def test_business_rule_tasks_with_faults(decision: str, what: str) -> None:
    with pytest.raises(RefusedProcess) as refused:
        model_of(rules(decision), table(*RATES))
    assert any(what in fault.what for fault in refused.value.faults), refused.value.faults


def test_a_loop_of_decisions_is_stopped() -> None:
    drawing = Drawing().start().end().exclusive("X", "out").chain("start", "R", "X")
    drawing.node("businessRuleTask", "R", k_decision="decisions/test.dmn#D")
    drawing.flow("X", "R", "true").flow("X", "end", id_="out")
    game = Game(model_of(drawing, table("age > rate", "- => 1")))
    assert [incident.cause for incident in game.incidents.values()] == ["loop"]
