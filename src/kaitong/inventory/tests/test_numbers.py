"""Numbering patterns, the logical identifier (ONU-02), port numbers of an ONU (ONU-03)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitong.inventory import numbers
from kaitong.inventory.errors import BadPattern
from kaitong.inventory.onu import OnuPort, check_ports, number_ports

GOOD = "O055901000000042"


@pytest.mark.parametrize(
    "typed", [GOOD, "o055901000000042", "O055 9010 0000 0042", "Ｏ０５５-９０１０-0000-0042 "]
)
def test_right_however_it_is_written(typed):
    assert numbers.check_logical_id(typed) is None
    assert numbers.clean_logical_id(typed) == GOOD


@pytest.mark.parametrize(
    "typed, fault",
    [
        ("0055901000000042", "第 1 位是数字 0，应为字母 O。"),
        ("A055901000000042", "第 1 位是 A，应为字母 O。"),
        ("OO55901000000042", "第 2 位是字母 O，应为数字 0。"),
        ("O05590100000004I", "第 16 位是字母 I，应为数字 1。"),
        ("O05590l000000042", "第 7 位是字母 L，应为数字 1。"),
        ("O0559010000X0042", "第 12 位是 X，应为数字。"),
        ("O05590100000042", "共 15 位，应为 16 位。"),
        ("O0559010000000421", "共 17 位，应为 16 位。"),
        ("", "没有填写逻辑 SN。"),
        (" - ", "没有填写逻辑 SN。"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(typed, fault):
    assert numbers.check_logical_id(typed) == fault


@given(st.text(alphabet="0O1Il23", min_size=16, max_size=16))
def test_no_confusion_of_letter_and_digit_passes(typed):
    """Whatever passes is the letter O and fifteen digits, exactly as typed."""
    right = typed[0] == "O" and typed[1:].isdigit()
    assert (numbers.check_logical_id(typed) is None) is right


@given(st.integers(min_value=0, max_value=999_999_999), st.integers(min_value=1, max_value=99))
def test_whatever_the_rule_makes_passes_the_check(sequence, olt):
    template = numbers.bind("O{area_code:4}{olt:2}{seq:9}", {"area_code": "0559", "olt": olt})
    made = numbers.make(template, sequence)
    assert numbers.check_logical_id(made) is None
    assert numbers.clean_logical_id(numbers.group_logical_id(made)) == made


@pytest.mark.parametrize(
    "pattern",
    ["abc", "{seq}", "{seq:0}", "{seq:3}{seq:3}", "{seq:3}{", "{Branch}{seq:3}", "{x}{seq:3}"],
)
def test_patterns_that_cannot_be_read(pattern):
    with pytest.raises(BadPattern):
        numbers.bind(pattern, {"branch": "XN"})


def test_a_value_too_long_for_its_place_is_refused():
    with pytest.raises(BadPattern, match="超过 2 位"):
        numbers.bind("{olt:2}{seq:3}", {"olt": 123})


def test_passwords_are_random_and_free_of_look_alikes():
    made = {numbers.make_password() for _ in range(500)}
    assert len(made) == 500
    assert {len(p) for p in made} == {10}
    assert not set("".join(made)) & set("0O1lIio")


def test_lan_and_pots_share_one_sequence_from_zero():
    assert number_ports(lan=4, pots=2) == (
        *(OnuPort(n, "lan") for n in range(4)),
        OnuPort(4, "pots"),
        OnuPort(5, "pots"),
    )


def test_an_operator_may_count_each_kind_by_itself():
    ports = number_ports(dsl=2, pots=2, shared=False)
    assert [(p.kind, p.number) for p in ports] == [
        ("dsl", 0),
        ("dsl", 1),
        ("pots", 0),
        ("pots", 1),
    ]
    assert check_ports(ports, shared=False) == []
    assert check_ports(ports) == ["端口号 0、1 重复。"]


@given(
    st.integers(min_value=0, max_value=32),
    st.integers(min_value=0, max_value=32),
    st.booleans(),
)
def test_numbered_ports_are_always_right(lan, pots, shared):
    ports = number_ports(lan=lan, pots=pots, shared=shared)
    assert len(ports) == lan + pots
    assert check_ports(ports, shared=shared) == []


@pytest.mark.parametrize(
    "ports, fault",
    [
        ([OnuPort(1, "lan"), OnuPort(2, "lan")], "端口号要从 0 开始，现在从 1 开始。"),
        ([OnuPort(0, "lan"), OnuPort(2, "pots")], "端口号要连续，缺 1。"),
        ([OnuPort(0, "lan"), OnuPort(0, "pots")], "端口号 0 重复。"),
        ([OnuPort(0, "lan"), OnuPort(1, "dsl")], "同一台 ONU 不能既有 LAN 口又有 DSL 口。"),
    ],
)
def test_wrong_port_numbers_are_named(ports, fault):
    assert check_ports(ports) == [fault]


@pytest.mark.parametrize("wanted", [{"lan": 1, "dsl": 1}, {"lan": -1}])
def test_impossible_numbers_of_ports(wanted):
    with pytest.raises(ValueError):
        number_ports(**wanted)


@pytest.mark.parametrize(
    "port, circuit", [("", "OLT eth 0/3/6"), (0, "OLT eth 0/3/6:0"), (3, "OLT eth 0/3/6:3")]
)
def test_what_stands_in_brackets_is_left_out_where_there_is_none(port, circuit):
    values = {"access_node": "OLT", "pon_port": "0/3/6", "user_port": port}
    assert numbers.fill("{access_node} eth {pon_port}[:{user_port}]", values) == circuit
