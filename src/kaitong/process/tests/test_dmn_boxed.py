"""Boxed contexts and invocations (DMN 1.3, 7.3.5, 7.3.6)."""

from __future__ import annotations

from decimal import Decimal
from xml.sax.saxutils import escape

import pytest

from kaitong.process.dmn import DecisionError, Decisions, parse
from kaitong.process.model import RefusedProcess

SPACE = "https://www.omg.org/spec/DMN/20191111/MODEL/"


def literal(text: str) -> str:
    return f"<literalExpression><text>{escape(text)}</text></literalExpression>"


def entry(name: str, inside: str, type_: str = "") -> str:
    reference = f' typeRef="{type_}"' if type_ else ""
    variable = f'<variable name="{name}"{reference}/>' if name else ""
    return f"<contextEntry>{variable}{inside}</contextEntry>\n"


def context(*entries: str) -> str:
    return f"<context>\n{''.join(entries)}</context>"


MODEL = (
    '<businessKnowledgeModel id="f" name="fee"><variable name="fee"/><encapsulatedLogic>'
    '<formalParameter name="speed"/><formalParameter name="months"/>'
    f"{literal('speed / 10 * months')}</encapsulatedLogic></businessKnowledgeModel>\n"
)
NEEDS = '<knowledgeRequirement><requiredKnowledge href="#f"/></knowledgeRequirement>'


def invoke(name: str = "fee", **bound: str) -> str:
    bindings = "".join(
        f'<binding><parameter name="{parameter}"/>{literal(text)}</binding>'
        for parameter, text in bound.items()
    )
    return f"<invocation>{literal(name)}{bindings}</invocation>"


def decisions(logic: str, extra: str = "") -> Decisions:
    inside = f'<decision id="D" name="D"><variable name="D"/>{extra}{logic}</decision>'
    text = f'<definitions xmlns="{SPACE}" name="d" namespace="n">\n{MODEL}{inside}</definitions>'
    return parse(text.encode(), "d.dmn")


def test_entries_read_those_before_them_and_the_last_is_the_outcome() -> None:
    logic = context(
        entry("Base Fee", literal("speed / 10"), "number"),
        entry("year", literal("Base Fee * 12")),
        entry("", literal('if year > 100 then "dear" else "cheap"')),
    )
    made = decisions(logic)
    assert made.decide("D", {"speed": 100}) == "dear"
    assert made.decide("D", {"speed": 10}) == "cheap"
    assert sorted(made.outcomes()) == []  # a text that depends on something is no constant


def test_without_an_outcome_all_entries_are_it() -> None:
    inner = context(entry("x", literal("a + 1")), entry("y", literal("x + a")))
    made = decisions(context(entry("a", literal("1")), entry("inner", inner)))
    assert made.decide("D", {}) == {"a": 1, "inner": {"x": 2, "y": 3}}


def test_an_entry_may_be_a_table() -> None:
    table = (
        "<decisionTable><input><inputExpression><text>speed</text></inputExpression></input>"
        "<output/><rule><inputEntry><text>&lt; 100</text></inputEntry>"
        "<outputEntry><text>5</text></outputEntry></rule><rule><inputEntry><text>&gt;= 100</text>"
        "</inputEntry><outputEntry><text>7</text></outputEntry></rule></decisionTable>"
    )
    made = decisions(context(entry("price", table), entry("", literal("price * 2"))))
    assert made.decide("D", {"speed": 50}) == 10
    assert made.decide("D", {"speed": 500}) == 14


def test_an_invocation_binds_by_name_in_any_order() -> None:
    assert decisions(invoke(months="12", speed="n"), NEEDS).decide("D", {"n": 100}) == 120
    boxed = context(entry("f", invoke(speed="100", months="2")), entry("", literal("f + 0.5")))
    assert decisions(boxed, NEEDS).decide("D", {}) == Decimal("20.5")


def test_a_fault_names_the_entry_the_expression_and_the_place() -> None:
    made = decisions(context(entry("a", literal('1 + "x"'))))
    with pytest.raises(DecisionError) as told:
        made.decide("D", {})
    assert "D，a：" in str(told.value)
    assert '`1 + "x"`, line 1, column 1: `+` has no meaning' in str(told.value)
    with pytest.raises(DecisionError, match="应是 number"):
        decisions(context(entry("a", literal('"x"'), "number"))).decide("D", {})
    assert decisions(context(entry("a", literal("1 / 0")))).evaluate("D", {}) is None


@pytest.mark.parametrize(
    ("logic", "extra", "what"),
    [
        (context(), "", "no entry"),
        (context(entry("a", literal("1")), entry("a", literal("2"))), "", "a stands twice"),
        (context(entry("", literal("1")), entry("a", literal("2"))), "", "stands before others"),
        (context(entry("a", literal("1 +"))), "", "ends too early"),
        (context(entry("a", "<relation/>")), "", "does not evaluate relation"),
        (context(entry("a", "")), "", "no logic"),
        (invoke(speed="1", months="2"), "", "which it does not require"),
        (invoke("gee", speed="1", months="2"), NEEDS, "invokes gee"),
        (invoke(speed="1"), NEEDS, "fee takes speed, months, not speed"),
        (invoke(speed="1", months="2 +"), NEEDS, "ends too early"),
    ],
)
def test_faults_of_the_file(logic: str, extra: str, what: str) -> None:
    with pytest.raises(RefusedProcess) as refused:
        decisions(logic, extra)
    assert any(what in fault.what and fault.line > 1 for fault in refused.value.faults)
