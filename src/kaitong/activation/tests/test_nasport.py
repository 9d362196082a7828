"""NAS-Port-Id: one pattern formats and parses; garbage of the network never raises."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitong.activation import nasport
from kaitong.activation.errors import BadLine, BadPattern
from kaitong.activation.nasport import Line

PATTERNS = [
    "{access_node} eth {pon_port}:{logical_id}",
    "eth {ignore} {access_node}/0/{pon_port}:{logical_id}",
    "slot={ignore} node={access_node};port={pon_port};{logical_id}",
    "{logical_id} {access_node} xpon {pon_port}",
    nasport.DEFAULT_PATTERN,
    "{logical_id} {access_node} xpon {pon_port}[ lan{user_port}]",
]

nodes = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters="/:;,=|{}"),
    min_size=1,
    max_size=20,
)
ports = st.tuples(*[st.integers(0, 9999)] * 3).map(lambda p: "/".join(map(str, p)))
users = st.none() | st.integers(0, 9999)
logical_ids = st.from_regex(r"[0-9A-Za-z_-]{1,32}", fullmatch=True)
lines = st.builds(Line, access_node=nodes, pon_port=ports, logical_id=logical_ids, user_port=users)


@given(line=lines, text=st.sampled_from(PATTERNS))
def test_what_is_formatted_is_parsed_again(line, text):
    pattern = nasport.pattern(text)
    try:
        value = pattern.format(line)
    except BadLine:
        assert len(line.access_node.encode()) > 60  # only a very long name does not fit
        return
    seen = line if pattern.names_user_port else dataclasses.replace(line, user_port=None)
    assert pattern.parse(value) == seen
    assert pattern.parse(value.encode()) == seen


@given(line=lines)
def test_what_freeradius_escapes_is_parsed_too(line):
    value = nasport.pattern().format(line)
    stored = re.sub(r"[^@a-zA-Z0-9.\-_: /\u0080-\U0010ffff]", lambda m: f"={ord(m[0]):02X}", value)
    assert nasport.pattern().parse(stored) == line


@given(value=st.one_of(st.text(max_size=400), st.binary(max_size=400), st.none(), st.integers()))
def test_garbage_is_no_line_and_never_raises(value):
    for text in PATTERNS:
        found = nasport.pattern(text).parse(value)
        assert found is None or isinstance(found, Line)
    assert len(nasport.shown(value)) <= nasport.LONGEST


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("OLT-01 eth 0/3/6:O055901000000123", Line("OLT-01", "0/3/6", "O055901000000123")),
        ("OLT-01 eth 00/03/06:O055901000000123", Line("OLT-01", "0/3/6", "O055901000000123")),
        ("休宁-OLT eth 0/3/6:O1", Line("休宁-OLT", "0/3/6", "O1")),
        ("OLT-01 eth 0/3/6:O1:3", Line("OLT-01", "0/3/6", "O1", 3)),
        ("OLT-01 eth 0/3/6:O1:", None),
        ("OLT-01 eth 0/3/6:O1:99999", None),
        ("OLT-01 eth 0/3/6", None),
        ("OLT-01 eth 0/3/6:", None),
        ("OLT-01 eth 0/3:O1", None),
        ("OLT-01  eth 0/3/6:O1", None),
        ("OLT-01 eth 0/3/6:O1 ", None),
        ("OLT-01 eth ٠/3/6:O1", None),
        ("", None),
    ],
)
def test_spelling(value, line):
    assert nasport.pattern().parse(value) == line


def test_a_very_long_value_is_answered_at_once():
    assert nasport.pattern().parse("O" * 100_000) is None
    assert nasport.pattern().parse(b"=4F" * 100_000) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{access_node} {pon_port}",
        "{access_node}{pon_port}:{logical_id}",
        "{access_node}-{pon_port}:{logical_id}",
        "{access_node} {pon_port}/{logical_id}",
        "{access_node} {pon_port}:{logical_id} {logical_id}",
        "{access_node} {pon_port}:{logical_id}{ignore}",
        "{access_node} {pon_port}:{logical_id} {other}",
        "{access_node} {pon_port}:{logical_id} }",
        "{access_node} {pon_port}:{logical_id}[{user_port}]",
        "{access_node} {pon_port}:{logical_id}[-{user_port}]",
        "{access_node} {pon_port}[:{user_port}]:{logical_id}",
        "{access_node} {pon_port}:{logical_id}:{user_port}",
        "x" * 300,
    ],
)
def test_a_pattern_that_could_be_read_in_two_ways_is_refused(text):
    with pytest.raises(BadPattern):
        nasport.pattern(text)


@pytest.mark.parametrize(
    "parts",
    [("", "0/1/1", "O1"), ("OLT 1", "0/1/1", "O1"), ("OLT", "0/1", "O1"), ("OLT", "0/1/1", "")],
)
def test_a_line_that_cannot_be_named_is_refused(parts):
    with pytest.raises(BadLine):
        Line(*parts)
