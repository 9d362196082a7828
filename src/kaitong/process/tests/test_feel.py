"""FEEL: values, three-valued logic, bounds, faults with their place, and the DMN test cases."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaitong.process import feel
from kaitong.process.feel import FeelError
from kaitong.process.feel.temporal import (
    YearMonths,
    duration_of,
    format_duration,
    moment_of,
    parse_duration,
)

VALUES: dict[str, Any] = {
    "speed": 300,
    "price": 99.9,
    "区域": "城区",
    "has_port": True,
    "nothing": None,
    "order": {
        "customer": {"kind": "individual"},
        "points": [{"n": 1}, {"n": 5}],
        "fee": Decimal(7),
    },
    "tags": ["vip", "fttr"],
}


def value(text: str, **more: Any) -> Any:
    return feel.compile(text).evaluate({**VALUES, **more})


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 ** 3 ** 2", 64),
        ("-speed + 1", -299),
        ("10 - 2 - 3", 5),
        ("7 / 2", Decimal("3.5")),
        (".5 + 1e2", Decimal("100.5")),
        ("0.1 + 0.2 = 0.3", True),
        ("price * 3 = 299.7", True),
        ('"家庭" + "宽带"', "家庭宽带"),
        ('"a\\"b\\n\\u4e2d\\\\"', 'a"b\n中\\'),
        ("true", True),
        ("null", None),
        ("speed >= 300", True),
        ("speed != 300", False),
        ('区域 = "城区"', True),
        ('speed >= 300 and 区域 = "城区"', True),
        ("speed < 100 or has_port", True),
        ("not(has_port)", False),
        ("speed between 100 and 300", True),
        ("speed between 100 and 200 or has_port", True),
        ("speed in [100..300]", True),
        ("speed in [100..300)", False),
        ("speed in (300..400]", False),
        ("speed in ]300..400]", False),
        ("speed in [300..400[", True),
        ("speed in [200..(100 + 200)]", True),
        ("speed in (100, 300)", True),
        ("speed in (< 100, >= 300)", True),
        ("speed in > 100", True),
        ('区域 in ("郊区", "城区")', True),
        ('区域 in ["郊区", "县城"]', False),
        ("speed in [[1..5], [299..301]]", True),
        ('if has_port then "配线" else "异常"', "配线"),
        ('if nothing then "a" else "b"', "b"),
        ("order.customer.kind", "individual"),
        ("order.fee + 1", 8),
        ("order.nowhere.at_all", None),
        ("order.points.n", [1, 5]),
        ("order.points[1].n", 1),
        ("order.points[-1].n", 5),
        ("order.points[3]", None),
        ("order.points[n > 2]", [{"n": 5}]),
        ("order.points[item.n > 2].n", [5]),
        ("tags[item = speed]", []),
        ("some p in order.points satisfies p.n > 4", True),
        ("every p in order.points satisfies p.n > 4", False),
        ("for p in order.points return p.n * speed", [300, 1500]),
        ("for i in [1..3] return i", [1, 2, 3]),
        ("for i in (1..3) return i", [2]),
        ("[1, [2, 3], []]", [1, [2, 3], []]),
        ('{a: 1, "b c": a + 1, d: {e: a}}', {"a": 1, "b c": 2, "d": {"e": 1}}),
        ("{a: 2}.a", 2),
        ("// why\n1 /* and so on */", 1),
        ("speed /* a */ / 3", 100),
        ("null = null", True),
        ("nothing = null", True),
        ("speed != null", True),
        ('tags = ["vip", "fttr"]', True),
        ("{a: 1} = {a: 1.0}", True),
    ],
)
def test_expressions(text: str, result: Any) -> None:
    assert value(text) == result
    assert type(value(text)) is type(result) or isinstance(value(text), Decimal | int)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("count(order.points)", 2),
        ("count(1, 2, 3)", 3),
        ("sum(order.points.n)", 6),
        ("sum([])", None),
        ("min(3, 1, 2)", 1),
        ('max(["a", "c", "b"])', "c"),
        ("mean([1, 2])", Decimal("1.5")),
        ('contains("家庭宽带", "宽带")', True),
        ('starts with("HS-0001", "HS-")', True),
        ('ends with("HS-0001", "1")', True),
        ('upper case("abc")', "ABC"),
        ('lower case("ABC")', "abc"),
        ('string length("开通")', 2),
        ('substring("foobar", 3)', "obar"),
        ('substring("foobar", 3, 2)', "ob"),
        ('substring("foobar", -2, 1)', "a"),
        ('substring("foobar", 0)', ""),
        ('substring before("0/3/6", "/")', "0"),
        ('substring after("0/3/6", "/")', "3/6"),
        ("string(1.50)", "1.5"),
        ("string(100)", "100"),
        ("string(true)", "true"),
        ('string(date("2026-01-02"))', "2026-01-02"),
        ('string([1, "a"])', '[1, "a"]'),
        ('string join(["a", null, "b"], "-")', "a-b"),
        ('number("1.25")', Decimal("1.25")),
        ("floor(2.5)", 2),
        ("floor(-2.5)", -3),
        ("ceiling(2.1)", 3),
        ("round half up(2.5, 0)", 3),
        ("round down(2.59, 1)", Decimal("2.5")),
        ("decimal(1/3, 2)", Decimal("0.33")),
        ("decimal(2.5, 0)", 2),
        ("abs(-3)", 3),
        ("modulo(12, 5)", 2),
        ("modulo(-12, 5)", 3),
        ('list contains(tags, "vip")', True),
        ("list contains([1, null], null)", True),
        ("append([1], 2, 3)", [1, 2, 3]),
        ("concatenate([1], [2, 3])", [1, 2, 3]),
        ("distinct values([1, 2, 1])", [1, 2]),
        ("is defined(nothing)", False),
        ('get value(order, "fee")', 7),
        ("string length(nothing)", None),
        ("all([true, false])", False),
        ("any([false, null])", None),
    ],
)
def test_functions(text: str, result: Any) -> None:
    assert value(text) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ('date("2026-01-31")', date(2026, 1, 31)),
        ("date(2026, 1, 31)", date(2026, 1, 31)),
        ('date("2026-01-31") + duration("P1M")', date(2026, 2, 28)),
        ('date("2026-01-31") + duration("P1D")', date(2026, 2, 1)),
        ('date("2026-03-01") - date("2026-02-01")', timedelta(days=28)),
        ('date("2026-03-01") - duration("P1Y2M")', date(2025, 1, 1)),
        ('duration("PT90M") * 2', timedelta(hours=3)),
        ('duration("PT3H") / duration("PT1H")', 3),
        ('duration("P1Y") + duration("P2M")', YearMonths(14)),
        ('-duration("PT1H")', timedelta(hours=-1)),
        ('@"P1W"', timedelta(weeks=1)),
        ('@"2026-01-31" < @"2026-02-01"', True),
        (
            'date and time("2026-01-01T08:00:00+08:00") = date and time("2026-01-01T00:00:00Z")',
            True,
        ),
        ('date and time("2026-01-01T08:00:00") = date and time("2026-01-01T00:00:00Z")', True),
        ('date and time(date("2026-01-01"), time("08:30")).hour', 8),
        ('date("2026-11-22").weekday', 7),
        ('duration("P2DT5H").hours', 5),
        ('time("23:30") + duration("PT1H") = time("00:30")', True),
        ('date("2026-01-01") < date and time("2026-01-02T00:00:00")', None),
        ('@"2026-01-15" in [@"2026-01-01"..@"2026-01-31"]', True),
    ],
)
def test_dates_and_durations(text: str, result: Any) -> None:
    assert value(text) == result


T, F, N = True, False, None


@pytest.mark.parametrize(
    ("a", "b", "conjunction", "disjunction"),
    [
        (T, T, T, T), (T, F, F, T), (T, N, N, T), (F, T, F, T), (F, F, F, F),
        (F, N, F, N), (N, T, N, T), (N, F, F, N), (N, N, N, N),
    ],
)  # fmt: skip
def test_three_valued_logic(a: Any, b: Any, conjunction: Any, disjunction: Any) -> None:
    assert value("a and b", a=a, b=b) is conjunction
    assert value("a or b", a=a, b=b) is disjunction
    assert value("a and b and true", a=a, b=b) is conjunction
    assert value("not(a)", a=a) is (None if a is None else not a)


@pytest.mark.parametrize(
    "text",
    [
        "nothing > 1",
        "unknown_name >= 1",
        "nothing + 1",
        '"5" = 5',
        '"5" > 3',
        "nothing in [1..5]",
        "speed between nothing and 400",
        '"text" and true',
        "-nothing",
    ],
)
def test_what_cannot_be_known_is_null(text: str) -> None:
    assert value(text) is None


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        ("1 / 0", "division by zero", (1, 1)),
        ("1 +\n  (2 / (speed - 300))", "division by zero", (2, 4)),
        ('"a" + 1', "between a string and a number", (1, 1)),
        ("true + 1", "between a boolean and a number", (1, 1)),
        ('-"a"', "no meaning before a string", (1, 1)),
        ('number("x")', "'x' is not a number", (1, 1)),
        ('date("2026-02-30")', "day is out of range", (1, 1)),
        ('duration("P1M2D")', "mixes months", (1, 1)),
        ("upper case(1)", "needs a string", (1, 1)),
        ("99999 ** 30", "too large", (1, 1)),
        ('date("9999-12-31") + duration("P1D")', "out of bounds", (1, 1)),
        ("speed.digits", "a number has no `digits`", (1, 1)),
        ("for i in [1..20000] return i", "more than 10000", (1, 1)),
        ("substring(区域, 1.5)", "whole number", (1, 1)),
    ],
)
def test_evaluations_without_meaning_name_the_place(
    text: str, what: str, place: tuple[int, int]
) -> None:
    with pytest.raises(FeelError) as raised:
        feel.compile(text, where="flow f4").evaluate(VALUES)
    assert what in raised.value.what
    assert (raised.value.line, raised.value.column) == place
    assert str(raised.value).startswith("flow f4: `")


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        ("", "empty", (1, 1)),
        ("   ", "empty", (1, 1)),
        ("a ==\n1", "single `=`", (1, 4)),
        ("a && b", "says `and`", (1, 3)),
        ("${a}", "without `${`", (1, 1)),
        ("a = 'x'", "double quotes", (1, 5)),
        ("a >", "ends too early", (1, 4)),
        ("a and\n", "ends too early", (2, 1)),
        ("(1 + 2", "ends too early", (1, 7)),
        ("a b", "`b` is not expected", (1, 3)),
        ("1 + frob(2)", "no function frob()", (1, 5)),
        ("substring(a)", "takes 2 to 3 arguments, not 1", (1, 1)),
        ("contains(a)", "takes 2 arguments, not 1", (1, 1)),
        ("< 5", "not expected", (1, 1)),
        ("(< 5)", "lacks its left side", (1, 2)),
        ("(1, 2)", "only after `in`", (1, 1)),
        ('"\\q"', "not an escape", (1, 1)),
        ('"open', "not expected", (1, 1)),
        ("1e200", "larger than 10^100", (1, 1)),
        ('@"tomorrow"', "no date, time or duration", (1, 1)),
        ("{a: 1, a: 2}", "stands twice", (1, 8)),
        ("[" * 70 + "]" * 70, "nested deeper", (1, 64)),
        ("1" + "+1" * 2000, "longer than", (1, 1)),
        ("1" + "+1" * 100, "nested deeper", (1, 1)),
        ("(" * 1500 + "1" + ")" * 1500, "nested deeper", (1, 64)),
        ("__import__('os')", "not expected", (1, 12)),
        ("a.__class__.__mro__[0]()", "not expected", (1, 23)),
    ],
)
def test_texts_that_are_no_feel(text: str, what: str, place: tuple[int, int]) -> None:
    with pytest.raises(FeelError) as raised:
        feel.compile(text)
    assert what in raised.value.what
    assert (raised.value.line, raised.value.column) == place


@pytest.mark.parametrize(
    ("text", "given_value", "answer"),
    [
        ("-", 1, True),
        ("5", 5, True),
        ("< 5", 3, True),
        ("[1..5], 9", 9, True),
        ("]1..5[", 5, False),
        ('"a", "b"', "b", True),
        ('not("a", "b")', "c", True),
        ('not("a", "b")', "a", False),
        ("not(< 5)", None, None),
        ("? > 3 and ? < limit", 4, True),
        ("limit", 10, True),
        ("> limit", 11, True),
        ("null", None, True),
        ("null", 1, False),
        ("true", False, False),
        ('["a", "b"]', "a", True),
        ('date("2026-01-01")', date(2026, 1, 1), True),
    ],
)
def test_unary_tests(text: str, given_value: Any, answer: bool | None) -> None:
    assert feel.compile_unary_tests(text).matches(given_value, {"limit": 10}) is answer


def test_names_tell_what_an_expression_reads() -> None:
    expression = feel.compile("order.fee > limit and (some p in order.points satisfies p = 区域)")
    assert expression.names == {"order", "limit", "区域"}
    assert feel.compile("1 + 2").names == frozenset()


def test_compiled_expressions_are_equal_by_text_and_carry_their_holder() -> None:
    one, two = feel.compile("a > 1", where="x"), feel.compile("a > 1", where="y")
    assert one == two
    assert hash(one) == hash(two)
    assert (one.where, two.where, one.text) == ("x", "y", "a > 1")
    assert one != feel.compile("a > 2")
    assert one != feel.compile_unary_tests("a")


def test_an_evaluation_is_bounded_in_steps() -> None:
    numbers = list(range(1_000))
    text = "count(for a in l return for b in l return a + b)"
    with pytest.raises(FeelError, match="takes more than"):
        feel.compile(text).evaluate({"l": numbers})


def test_an_evaluation_is_bounded_in_what_it_makes() -> None:
    with pytest.raises(FeelError, match="list grows"):
        feel.compile("concatenate(l, l, l)").evaluate({"l": list(range(4_000))})
    with pytest.raises(FeelError, match="string grows"):
        feel.compile("s + s + s").evaluate({"s": "x" * 40_000})
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(FeelError, match="nested too deeply"):
        feel.compile("deep = other").evaluate({"deep": deep, "other": deep})


@pytest.mark.parametrize(
    "strange", [object(), {1, 2}, Decimal("NaN"), Decimal("sNaN"), float("inf")]
)
def test_strange_values_never_raise_anything_else(strange: Any) -> None:
    for text in ("v + 1", "v > 1", "v = 1", "string(v)", "v in [1..2]", "abs(v)", "sum([v])"):
        try:
            feel.compile(text).evaluate({"v": strange})
        except FeelError:
            continue


def test_plain_makes_json_of_every_value() -> None:
    made = feel.plain(
        value('{d: @"2026-01-01", t: [@"PT36H", @"P14M"], n: 1.5, s: "x", r: [1..2]}')
    )
    assert made == {
        "d": "2026-01-01",
        "t": ["P1DT12H", "P1Y2M"],
        "n": Decimal("1.5"),
        "s": "x",
        "r": "[1..2]",
    }


@pytest.mark.parametrize("odd", [Decimal("NaN"), Decimal("sNaN"), float("inf")], ids=str)
def test_plain_has_no_word_for_what_is_no_number(odd: Any) -> None:
    assert feel.plain([odd]) == [None]


@given(st.timedeltas(timedelta(days=-9_000), timedelta(days=9_000)))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_durations_survive_their_text(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.integers(-5_000, 5_000))
@settings(max_examples=50, derandomize=True, deadline=None)
def test_months_survive_their_text(months: int) -> None:
    assert parse_duration(format_duration(YearMonths(months))) == YearMonths(months)


numbers = st.decimals(-1_000, 1_000, places=2)


@given(a=numbers, b=numbers, c=numbers)
@settings(max_examples=100, derandomize=True, deadline=None)
def test_arithmetic_is_that_of_decimals(a: Decimal, b: Decimal, c: Decimal) -> None:
    names = {"a": a, "b": b, "c": c}
    assert feel.compile("a + b * c - a").evaluate(names) == b * c
    assert feel.compile("a < b or a > b or a = b").evaluate(names) is True
    assert feel.compile("a in [b..c]").evaluate(names) is (b <= a <= c)
    assert feel.compile("if a > b then a else b").evaluate(names) == max(a, b)


@given(st.text('ab1.+-*/()[]{}<>=!,:" \n?@宽不', max_size=30))
@settings(max_examples=400, derandomize=True, deadline=None)
def test_any_text_compiles_or_is_refused(text: str) -> None:
    faults = []
    for make in (feel.compile, feel.compile_unary_tests):
        try:
            compiled = make(text)
            if isinstance(compiled, feel.Expression):
                compiled.evaluate({"a": 1, "b": "x"})
            else:
                compiled.matches(1, {"a": 1})
        except FeelError as error:
            faults.append(error)
    lines = text.split("\n")
    for fault in faults:
        assert 1 <= fault.line <= len(lines)
        assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1


@pytest.mark.parametrize(
    ("given_value", "moment"),
    [
        ("2026-05-01", datetime(2026, 4, 30, 16, tzinfo=UTC)),
        (date(2026, 5, 1), datetime(2026, 4, 30, 16, tzinfo=UTC)),
        ("2026-05-01T08:00:00", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T08:00:00Z", datetime(2026, 5, 1, 8, tzinfo=UTC)),
    ],
)
def test_a_moment_without_an_offset_is_china_standard_time(
    given_value: Any, moment: datetime
) -> None:
    assert moment_of(given_value) == moment


@pytest.mark.parametrize("bad", [None, 5, "soon", True])
def test_what_is_no_moment_and_no_duration(bad: Any) -> None:
    for read in (moment_of, duration_of):
        with pytest.raises(ValueError, match=r"must be|is not"):
            read(bad)


def test_threads_share_compiled_expressions() -> None:
    expression = feel.compile("for i in [1..50] return i * n")
    wrong: list[Any] = []

    def work(n: int) -> None:
        for _ in range(50):
            if expression.evaluate({"n": n}) != [i * n for i in range(1, 51)]:
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_condition_costs_microseconds() -> None:
    """Evaluating is far from parsing: a thousand conditions in well under 50 ms."""
    expression = feel.compile('speed >= 300 and 区域 = "城区"')
    best = min(_timed(expression) for _ in range(5))
    assert best < 0.05


def _timed(expression: feel.Expression) -> float:
    start = time.perf_counter()
    for _ in range(1_000):
        expression.evaluate(VALUES)
    return time.perf_counter() - start


# ---- the DMN conformance cases whose decisions are FEEL expressions

_DMN = "{*}"
_EXPRESSION_CASES = (
    "0100-feel-constants",
    "0101-feel-constants",
    "0102-feel-constants",
    "0105-feel-math",
    "0106-feel-ternary-logic",
    "0107-feel-ternary-logic-not",
)
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


@pytest.mark.shared
@pytest.mark.parametrize("case", _EXPRESSION_CASES)
def test_dmn_conformance_of_expressions(shared: Path, case: str) -> None:
    folder = shared / "standards" / "dmn-tck" / "compliance-level-2" / case
    decisions = {
        decision.get("name"): decision.findtext(f".//{_DMN}literalExpression/{_DMN}text", "")
        for decision in ElementTree.parse(folder / f"{case}.dmn").iter()
        if decision.tag.endswith("}decision")
    }
    checked = 0
    for test in ElementTree.parse(folder / f"{case}-test-01.xml").iter():
        if not test.tag.endswith("}testCase"):
            continue
        inputs = {
            node.get("name", ""): _dmn_value(node.find(f"{_DMN}value"))
            for node in test.findall(f"{_DMN}inputNode")
        }
        for result in test.findall(f"{_DMN}resultNode"):
            expected = _dmn_value(result.find(f"{_DMN}expected/{_DMN}value"))
            text = decisions[result.get("name")]
            checked += 1
            if (case, text) == ("0105-feel-math", "(10+20)/0"):
                # DMN says null; here a process stops visibly instead of going on with nothing.
                assert expected is None
                with pytest.raises(FeelError, match="division by zero"):
                    feel.compile(text).evaluate(inputs)
                continue
            got = feel.compile(text).evaluate(inputs)
            if isinstance(expected, Decimal) and isinstance(got, Decimal):
                assert abs(got - expected) < Decimal("1e-8"), text
            else:
                assert got == expected, text
    assert checked >= 2


def _dmn_value(element: Any) -> Any:
    if element is None or element.get(_NIL) == "true":
        return None
    kind, text = element.get(_TYPE, "xsd:string").partition(":")[2], element.text or ""
    if kind == "boolean":
        return text == "true"
    return Decimal(text) if kind in ("decimal", "double", "integer") else text
