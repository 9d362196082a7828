"""Answers of work forms: each fault at its field, in words, with the remedy."""

from __future__ import annotations

from uuid import uuid4

import pytest

from kaitong.core.errors import BadInput
from kaitong.core.home import library
from kaitong.playbooks import loader
from kaitong.playbooks.wiring import ACTIONS, TARGETS

BOOK = loader.load(library() / "home-broadband", actions=frozenset(ACTIONS), writes=TARGETS)
WHOLE = BOOK.forms["forms/install.json"]
INSTALL = WHOLE.for_parts(())  # as a line by itself is asked


def example(**changes):
    values = INSTALL.example(lambda kind: "ZTEGC0000001")
    values.update(changes)
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize("form", BOOK.forms.values(), ids=lambda f: f.file)
def test_examples_are_valid(form):
    fresh = {
        "next-working-slot": "2026-11-23T09:00:00+08:00",
        "terminal-in-stock": "ZTEGC0000001",
        "set-top-in-stock": "STB00000001",
    }
    for number in range(len(form.content["examples"])):
        form.check(form.example(lambda kind: fresh.get(kind, str(uuid4())), number))


@pytest.mark.parametrize(
    "changes, field, said",
    [
        ({"clearance": False}, "clearance", "没有确认"),
        ({"power_dbm": -91}, "power_dbm", "低于"),
        ({"power_dbm": 13}, "power_dbm", "高于"),
        ({"power_dbm": "弱"}, "power_dbm", "数字"),
        ({"power_dbm": float("nan")}, "power_dbm", "数字"),  # typed as "nan", or sent as NaN
        ({"power_dbm": float("inf")}, "power_dbm", "数字"),
        ({"power_dbm": None}, "power_dbm", "没有填"),
        ({"terminal_serial": "短"}, "terminal_serial", ""),
        ({"colour": "red"}, "colour", "没有 colour"),
    ],
)
def test_fault_stands_at_its_field(changes, field, said):
    with pytest.raises(BadInput) as refusal:
        INSTALL.check(example(**changes))
    fault = next(f for f in refusal.value.faults if f.field == field)
    assert said in fault.what
    assert fault.remedy


def test_all_faults_at_once():
    with pytest.raises(BadInput) as refusal:
        INSTALL.check({})
    assert {f.field for f in refusal.value.faults} == set(INSTALL.content["required"])


def test_a_bundle_is_asked_for_its_parts_and_a_line_alone_is_not():
    television = WHOLE.for_parts({"iptv"})
    said = {"set_top_serial", "tv_tested"}
    assert said <= set(television.schema["required"])
    assert "phone_tested" not in television.fields
    with pytest.raises(BadInput) as refused:
        television.check(example())
    assert said <= {fault.field for fault in refused.value.faults}
    with pytest.raises(BadInput):  # nobody enters a box that is not the order's
        INSTALL.check(example(set_top_serial="STB00000001"))


def test_answers_go_where_the_form_says():
    variables, writes = INSTALL.split(example())
    assert set(writes) == {"service.terminal_serial", "service.power_dbm"}
    assert "terminal_serial" not in variables
    assert variables["clearance"] is True
