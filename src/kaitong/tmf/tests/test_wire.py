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
        (b"", "不是 JSON"),
        (b"{", "第 1 行"),
        (b"[]", "一个 JSON 对象"),
        (b'"x"', "一个 JSON 对象"),
        (b"\xff", "UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "不能保存"),
        (b'{"a": 1, "a": 2}', "重复"),
        (b'{"a": "\\u0000"}', "不能保存"),
        (b'{"a": "\\ud800"}', "不能保存"),
        (b'{"\\u0000": 1}', "不能保存"),
        (b'{"a": ' + b"9" * 5000 + b"}", "太长"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "嵌套太深"),
        (b'{"a":' * 100_000, "嵌套太深"),
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
