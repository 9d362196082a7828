"""A playbook's JSON Schema as fields, and what a browser sends turned back into its types."""

import json

import pytest
from django.http import QueryDict

from kaitong.core.errors import InputFault
from kaitong.core.home import library
from kaitong.playbooks.forms import Form
from kaitong.web.forms import build, read, shown

SHELVES = [library() / shelf / "forms" for shelf in ("home-broadband", "common/line", "fixed-line")]


def form(name: str) -> Form:
    path = next(shelf / name for shelf in SHELVES if (shelf / name).exists())
    return Form(name, json.loads(path.read_text("utf-8")))


def posted(**values) -> QueryDict:
    query = QueryDict(mutable=True)
    for key, value in values.items():
        query.setlist(key, value if isinstance(value, list) else [value])
    return query


def test_every_field_of_every_shipped_form_gets_a_widget():
    for path in (path for shelf in SHELVES for path in shelf.glob("*.json")):
        one = Form(path.name, json.loads(path.read_text("utf-8")))
        fields = build(one.schema, one.ui).fields
        asked = [f.name for f in fields if f.widget != "heading"]
        # what only some may say is asked on pages made for them
        assert sorted([*asked, *one.ui.get("only", {})]) == sorted(one.fields), path.name


def test_read_gives_the_schemas_types():
    schema = form("install.json").schema
    answers = read(
        schema,
        posted(power_dbm="-19.2", terminal_serial=" HWTC00000001 ", clearance="true", remark=""),
    )
    assert answers == {"power_dbm": -19.2, "terminal_serial": "HWTC00000001", "clearance": True}


def test_integers_of_an_enumeration_come_back_as_integers():
    schema = form("appointment.json").schema
    answers = read(schema, posted(appointment_minutes="120", appointment_start="2026-10-11T14:00"))
    assert answers["appointment_minutes"] == 120
    assert answers["appointment_start"] == "2026-10-11T14:00:00+08:00"


def test_letters_in_a_number_are_handed_on_for_the_fault_to_name():
    answers = read(form("install.json").schema, posted(power_dbm="19,2dBm"))
    assert answers == {"power_dbm": "19,2dBm"}


def test_faults_stand_at_their_fields_and_answers_stay():
    one = form("install.json")
    built = build(
        one.schema,
        one.ui,
        values={"power_dbm": -29.0},
        faults=[InputFault("power_dbm", "太低。", "请复测。"), InputFault("other", "别的。")],
    )
    field = next(f for f in built.fields if f.name == "power_dbm")
    assert field.errors == ("太低。请复测。",)
    assert field.value == -29.0
    assert built.loose == ("别的。",)


def test_a_measure_below_zero_keeps_the_full_keyboard():
    one = form("install.json")
    field = next(f for f in build(one.schema, one.ui).fields if f.name == "power_dbm")
    assert field.input_mode == ""


@pytest.mark.parametrize("name", sorted({p.name for s in SHELVES for p in s.glob("*.json")}))
def test_what_is_shown_uses_the_labels(name):
    one = form(name)
    example = {k: v for k, v in one.content["examples"][0].items() if not isinstance(v, dict)}
    lines = shown(one.schema, one.ui, example)
    assert len(lines) == len(example)
    assert all("True" not in text for _label, text in lines)
