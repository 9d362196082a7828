"""Stored sentences in English: whole, with values, put together, of any age; others stay."""

from __future__ import annotations

import re

import pytest
from django.utils.translation import override

from kaitong.core import wording

CJK = re.compile("[\u4e00-\u9fff]")


def english(text: str) -> str:
    with override("en"):
        return wording.read(text)


@pytest.mark.parametrize(
    "stored, told",
    [
        ("账号已验证，等待线路验证。", "Account proven; waiting for the line proof."),
        ("未见客户会话，登记是 OLT01 0/3/6。",
         "No session of the customer seen; registered is OLT01 0/3/6."),
        ("会话从 A 0/1 上线，登记是 A 0/2；逻辑标识是 O1，登记是 O2。",
         "The session came up on A 0/1; registered is A 0/2; "
         "its logical identifier is O1, registered is O2."),
        ("network: 本分公司没有在用的网元（aaa）。 登记网元，或把停用的网元恢复在用。",
         "network: This branch has no element in service (aaa). "
         "Register an element, or put a stopped one back into service."),
        ("客户本人：没有留存证件影像，也没有读卡",
         "Customer: neither pictures of the document nor a card reading"),
        ("", ""),
        ("plain text", "plain text"),
        ("张三说下午在家", "张三说下午在家"),
        ("退单：客户说不装了", "Order returned: 客户说不装了"),
    ],
)  # fmt: skip
def test_sentence_is_read_in_english(stored, told):
    if told.startswith(("Customer:",)):  # the catalogue may word these as it likes
        head, _colon, tail = english(stored).partition(": ")
        assert not CJK.search(head)
        assert bool(CJK.search(tail)) == bool(CJK.search(told))
        return
    assert english(stored) == told


def test_chinese_readers_get_it_as_it_is():
    with override("zh-hans"):
        assert wording.read("账号已验证，等待线路验证。") == "账号已验证，等待线路验证。"


def test_stored_is_chinese_whoever_acts():
    from django.utils.translation import gettext

    with override("en"), wording.stored():
        assert gettext("没有这个订单。") == "没有这个订单。"


def test_lists_are_set_as_each_language_sets_them():
    with override("zh-hans"):
        assert wording.several(["甲", "乙"]) == "甲、乙"
        assert wording.several(["甲", "乙"], "；") == "甲；乙"
    with override("en"):
        assert wording.several(["A", "B"]) == "A, B"
        assert wording.several(["A", "B"], "；") == "A; B"


def test_hostile_text_is_read_in_no_time():
    import time

    text = "会话从 " + "（" * 2000 + " 上线，登记是 " * 200
    start = time.monotonic()
    english(text)
    assert time.monotonic() - start < 2
