"""No expression takes more than its budget, whatever is written: work is counted, not timed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaitong.process import feel
from kaitong.process.dmn import DecisionError
from kaitong.process.dmn import parse as parse_decisions
from kaitong.process.feel import FeelError
from kaitong.process.feel.budget import shared, spend, weigh
from kaitong.process.feel.errors import (
    CHARACTERS_A_STEP,
    MAX_DECISION_STEPS,
    MAX_STEPS,
    MAX_VALUE_DEPTH,
    Problem,
)
from kaitong.process.tests.core_drawing import Drawing, timer
from kaitong.process.tests.core_kit import Game


def _nested(make: Any, depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = make(value)
    return value


VARIABLES: dict[str, Any] = {
    "many": list(range(9_000)),
    "long": "a" * 90_000,
    "deep": _nested(lambda inner: [inner], 500),
    "other": _nested(lambda inner: [inner], 500),
    "deep_context": _nested(lambda inner: {"a": inner}, 500),
}
DOUBLES = ", ".join(["a: [1, 1]", *(f"{b}: [{a}, {a}]" for a, b in zip("abcdefghijklmnopqrstuvw", "bcdefghijklmnopqrstuvwx", strict=True))])  # fmt: skip # noqa: E501

# What it says, where: each refused, with the place that is at fault.
REFUSED = [
    ("9 ** 99999", "too large", 1),
    ("10 ** (9 ** 9)", "too large", 1),
    ("0 ** -1", "too large or has no value", 1),
    ("1e999999999", "larger than 10^100", 1),
    ("9" * 3_999, "larger than 10^100", 1),
    ('number("1e999999999")', "larger than 10^100", 1),
    ("for a in [1..1000000000] return a", "more than 10000 numbers", 1),
    ("some i in [1..9000] satisfies some j in [1..9000] satisfies i + j < 0", "steps", 31),
    ("for a in [1..100] return for b in [1..100] return for c in [1..100] return 1", "steps", 51),
    (f"for a in [1..9000] return {' + '.join(['a'] * 50)}", "steps", 1),
    ("many[count(many[item > 3]) > 0]", "steps", 12),
    ("for a in many return many", "steps", 1),
    ("for a in many return [many]", "steps", 1),
    ("for a in many return many = many", "steps", 22),
    ("for a in many return sum(many)", "steps", 22),
    ("for a in many return mean(many)", "steps", 22),
    ("for a in many return list contains(many, -1)", "steps", 22),
    ("for a in [1..50] return string(many)", "steps", 25),
    ("for a in [1..99] return concatenate(many, [1])", "steps", 25),
    ("string(for a in many return [many])", "steps", 1),
    ("(for a in many return {a: many}).a", "steps", 1),
    ("distinct values(for a in many return [a])", "steps", 1),
    (f"{{{DOUBLES}}}", "steps", 1),
    ('for a in many return long + "b"', "steps", 22),
    ("for a in many return upper case(long)", "steps", 22),
    ("for a in many return substring(long, 2)", "steps", 22),
    ('for a in many return contains(long, "b")', "steps", 22),
    ("string join(for a in many return long)", "steps", 1),
    ("long + long", "100000 characters", 1),
    ("concatenate(many, many)", "10000 items", 1),
    ("deep = other", "nested too deeply", 1),
    ("string(deep)", "nested too deeply", 1),
    ("deep", "nested deeper", 1),
    ("deep_context.a", "nested deeper", 1),
    ("(" * 1_900 + "1" + ")" * 1_900, "nested deeper than 64", 64),
    ("[" * 1_900 + "]" * 1_900, "nested deeper than 64", 64),
    ("not(" * 500 + "true" + ")" * 500, "nested deeper than 64", 253),
    ("- " * 1_900 + "1", "nested deeper than 64", 127),
    ("1" + " + 1" * 990, "nested deeper than 64", 1),
    ("a" * 4_001, "longer than 4000", 1),
    ("/*" * 1_999, "not expected", 6),
    ('"' + "a" * 3_900, "not expected", 1),
    ('date("9999-12-31") + duration("P999999D")', "out of bounds", 1),
    ('date("2026-01-01") + duration("P999999Y")', "years 1 to 9999", 1),
    ('duration("P999999D") * 1e90', "out of bounds", 1),
    ("date(1e50, 1, 1)", "too large", 1),
    ('1 +\n  "a\\u0000"', "no text can hold", (2, 3)),
    ('"\\ud800"', "no text can hold", 1),
    ('x = "\x00"', "no text can hold", 6),
    ('get value(1, "a")', "needs a context", 1),
    ("f(f(1))", "no function f()", 1),
]


@pytest.mark.parametrize(("text", "what", "place"), REFUSED, ids=[r[0][:40] for r in REFUSED])
def test_a_bomb_is_refused_at_its_place(text: str, what: str, place: Any) -> None:
    with shared() as budget, pytest.raises(FeelError) as refused:
        feel.compile(text, where="flow f1").evaluate(VARIABLES)
    assert what in refused.value.what
    line, column = place if isinstance(place, tuple) else (1, place)
    assert (refused.value.line, refused.value.column) == (line, column)
    assert refused.value.text == text
    assert str(refused.value).startswith("flow f1: `")
    assert budget.spent <= MAX_STEPS


ANSWERED = [
    ("1.0000001 ** 99999999", None),
    ("1e-99999999999 + 1", 1),
    ('string length(string(number("1e-999999999")))', None),
    ("count(distinct values(many))", 9_000),
    ("sum(for i in [1..9999] return i)", 49_995_000),
    ("string length(string(many))", None),
    ("true" + " and true" * 400, True),
    ("5 in [1..1e99]", True),
    ("substring(long, 1e60)", ""),
    ("many[1e60]", None),
    ('"\\ud83d\\ude00" = "😀"', True),
    (f'contains(long, "{"a" * 50}b")', False),
]


@pytest.mark.parametrize(("text", "answer"), ANSWERED, ids=[a[0][:40] for a in ANSWERED])
def test_what_is_large_but_not_too_large_is_answered(text: str, answer: Any) -> None:
    with shared() as budget:
        found = feel.compile(text).evaluate(VARIABLES)
    assert answer is None or found == answer
    assert 0 < budget.spent <= MAX_STEPS
    assert len(str(found)) <= 400  # nothing tiny becomes a text of a million digits


def test_work_is_counted_by_what_is_evaluated_walked_and_handled() -> None:
    def spent(text: str, **variables: Any) -> int:
        with shared() as budget:
            feel.compile(text).evaluate(variables)
        return budget.spent

    once = spent("for a in l return a + 1", l=[1])
    assert spent("for a in l return a + 1", l=[1] * 101) - once == 100 * 4  # body and its value
    assert spent('s = "b"', s="a") == spent('s = "b"', s="c")
    assert spent("upper case(s)", s="a" * 6_400) >= 2 * 6_400 // CHARACTERS_A_STEP


def test_nothing_is_owed_after_an_evaluation() -> None:
    with pytest.raises(FeelError):
        feel.compile("for a in many return many").evaluate(VARIABLES)
    for _ in range(3):  # each has the whole of its own budget
        feel.compile("count(for a in many return a)").evaluate(VARIABLES)
    spend(10 * MAX_STEPS)  # outside of an evaluation nobody counts


def test_a_value_is_weighed_as_it_would_be_written() -> None:
    weigh(_nested(lambda inner: [inner], MAX_VALUE_DEPTH))
    with pytest.raises(Problem, match="nested deeper"):
        weigh(_nested(lambda inner: [inner], MAX_VALUE_DEPTH + 1))
    one = [1] * 1_000
    with shared() as budget:
        weigh([one, one])
    assert budget.spent == 2_002


# ---- anything at all ---------------------------------------------------------------------------

_VOCABULARY = """
if then else some every for in return satisfies and or not ( ) [ ] { } , . : .. + - * / ** = != <
<= > >= between true false null "a" "" 1 0 1e99 1e-99 0.5 x l s c many long item ? @"P1D"
@"2026-01-01" date duration string sum count min mean contains substring append concatenate distinct
values [1..3] l[1] -1 a: 城 /* */ // “ ' length join i
"""
_WORDS = st.sampled_from([*_VOCABULARY.split(), "\\", "\x00", "\ud800"])
_SOUP = st.lists(_WORDS, max_size=30).map(" ".join)
_ANY = st.one_of(_SOUP, st.text(max_size=60))


def _fault(run: Any) -> FeelError | None:
    """What refused it, if anything did; anything but a FeelError passes through."""
    with shared() as budget:
        try:
            run()
        except FeelError as error:
            return error
        finally:
            assert budget.spent <= MAX_STEPS
    return None


@settings(max_examples=600, deadline=None, derandomize=True)
@given(text=_ANY)
def test_any_text_is_answered_or_refused_at_a_place_within_it(text: str) -> None:
    variables = {**VARIABLES, "x": 5, "l": [1, 2, 3], "s": "text", "c": {"a": [1]}}
    fault = _fault(lambda: feel.compile(text).evaluate(variables))
    if fault is not None:
        assert fault.text == text
        assert 1 <= fault.line <= text.count("\n") + 1
        assert fault.column >= 1


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=_ANY, value=st.one_of(st.none(), st.integers(), st.text(max_size=5)))
def test_any_cell_of_a_table_too(text: str, value: Any) -> None:
    fault = _fault(lambda: feel.compile_unary_tests(text).matches(value, VARIABLES))
    assert fault is None or fault.text == text


# ---- decisions ---------------------------------------------------------------------------------


def _dmn(inside: str) -> bytes:
    space = "https://www.omg.org/spec/DMN/20191111/MODEL/"
    return f'<definitions xmlns="{space}" name="d" namespace="n">{inside}</definitions>'.encode()


def _literal(text: str) -> str:
    return f"<literalExpression><text>{text}</text></literalExpression>"


def test_models_that_call_each_other_share_one_budget() -> None:
    """Each calls the next ten times: a million calls and more of a dozen short expressions."""
    models = [
        f'<businessKnowledgeModel id="f{at}" name="f{at}"><encapsulatedLogic>'
        f'<formalParameter name="n"/>{_literal(" + ".join([f"f{at + 1}(n)"] * 10))}'
        f'</encapsulatedLogic><knowledgeRequirement><requiredKnowledge href="#f{at + 1}"/>'
        "</knowledgeRequirement></businessKnowledgeModel>"
        for at in range(10)
    ]
    last = f'<businessKnowledgeModel id="f10" name="f10"><encapsulatedLogic><formalParameter name="n"/>{_literal("n")}</encapsulatedLogic></businessKnowledgeModel>'  # noqa: E501
    decision = (
        '<decision id="D" name="D"><variable name="D"/><knowledgeRequirement>'
        f'<requiredKnowledge href="#f0"/></knowledgeRequirement>{_literal("f0(1)")}</decision>'
    )
    decisions = parse_decisions(_dmn("".join([*models, last, decision])), "d.dmn")
    with shared(MAX_DECISION_STEPS) as budget, pytest.raises(DecisionError, match="more than"):
        decisions.decide("D", {})
    assert budget.spent <= MAX_DECISION_STEPS


def test_a_large_table_is_decided_within_its_budget() -> None:
    columns = "".join(
        f"<input><inputExpression><text>x{at}</text></inputExpression></input>" for at in range(9)
    )
    cells = "<inputEntry><text>[1..5], 9</text></inputEntry>" * 9
    rules = f"<rule>{cells}<outputEntry><text>1</text></outputEntry></rule>" * 300
    table = f'<decisionTable hitPolicy="COLLECT" aggregation="COUNT">{columns}<output/>{rules}'
    inside = f'<decision id="D" name="D"><variable name="D"/>{table}</decisionTable></decision>'
    decisions = parse_decisions(_dmn(inside), "d.dmn")
    with shared(MAX_DECISION_STEPS) as budget:
        assert decisions.decide("D", {f"x{at}": 9 for at in range(9)}) == 300
    assert 300 * 9 <= budget.spent <= MAX_DECISION_STEPS // 10


# ---- one FEEL, one shape of fault ----------------------------------------------------------------

FAULTY = 'x\n + "a"'


def _gateway(drawing: Drawing) -> None:
    drawing.exclusive("A", "d").flow("A", "end", FAULTY).flow("A", "end", id_="d")


def _in(drawing: Drawing) -> None:
    drawing.service("A", k_in=f"n={FAULTY}").flow("A", "end")


def _out(drawing: Drawing) -> None:
    drawing.service("A", k_out=f"n={FAULTY}").flow("A", "end")


def _script(drawing: Drawing) -> None:
    drawing.script("A", FAULTY, k_result="n").flow("A", "end")


def _timer(drawing: Drawing) -> None:
    drawing.catch("A", timer(duration=FAULTY)).flow("A", "end")


def _key(drawing: Drawing) -> None:
    drawing.message("m", "m").receive("A", "m", FAULTY).flow("A", "end")


@pytest.mark.parametrize("draw", [_gateway, _in, _out, _script, _timer, _key])
def test_the_same_fault_is_told_in_the_same_words_wherever_it_stands(draw: Any) -> None:
    """Node, expression and position: conditions, mappings, scripts, timers and keys alike."""
    drawing = Drawing().start().end()
    draw(drawing)
    game = Game(drawing.flow("start", "A").model(), {"work": dict}, x=5)
    assert game.at == ["A"]
    assert game.cause("A") == "data"
    message = game.incidents[game.token("A")].message
    assert '`x + "a"`, line ' in message
    assert "column 1: `+` has no meaning between a number and a string" in message


def test_and_in_a_decision() -> None:
    inside = f'<decision id="D" name="D"><variable name="D"/>{_literal(FAULTY)}</decision>'
    decisions = parse_decisions(_dmn(inside), "d.dmn")
    with pytest.raises(DecisionError) as told:
        decisions.decide("D", {"x": 5})
    assert '`x + "a"`, line 1, column 1: `+` has no meaning between' in str(told.value)
    assert "D" in str(told.value)
