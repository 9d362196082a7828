"""Bytes of a request: what is JSON that PostgreSQL can keep, and what is not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitong.tmf.errors import BadBody
from kaitong.tmf.wire import MAX_DEPTH, is_keepable, place_of, read_json


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not JSON"),
        (b"{", "line 1"),
        (b"[]", "one JSON object"),
        (b'"x"', "one JSON object"),
        (b"\xff", "UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "cannot be stored"),
        (b'{"a": 1, "a": 2}', "stands twice"),
        (b'{"a": "\\u0000"}', "cannot be stored"),
        (b'{"a": "\\ud800"}', "cannot be stored"),
        (b'{"\\u0000": 1}', "cannot be stored"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too long"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "too deep"),
        (b'{"a":' * 100_000, "too deep"),
    ],
    ids=lambda value: value[:12].decode("latin-1") if isinstance(value, bytes) else value,
)
def test_what_cannot_be_read_or_kept_is_refused(data, said):
    with pytest.raises(BadBody) as caught:
        read_json(data)
    assert said in f"{caught.value}"


def test_the_place_of_a_fault_is_named():
    with pytest.raises(BadBody) as caught:
        read_json(b'{"note": [{"text": "ok"}, {"text": "\\u0000"}]}')
    assert caught.value.field == "note[1].text"


def test_a_document_of_ordinary_depth_is_read():
    deep = {"a": {}}
    inner = deep["a"]
    for _ in range(MAX_DEPTH - 3):
        inner["a"] = {}
        inner = inner["a"]
    assert read_json(json.dumps(deep).encode()) == deep


def test_places_read_like_code():
    assert place_of(["serviceOrderItem", 0, "action"]) == "serviceOrderItem[0].action"
    assert place_of([]) == ""


@given(st.text())
def test_keepable_text_is_what_utf8_without_nul_can_say(text):
    assert is_keepable(text) == (
        "\x00" not in text and text == text.encode("utf-8", "ignore").decode()
    )
