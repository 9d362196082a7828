"""Reasons are said in the reader's language at both their levels."""

from django.utils.translation import override

from kaitong.assurance import handling
from kaitong.assurance.models import Handling
from kaitong.playbooks import queries as playbooks
from kaitong.web.pages import fault_facts, order_timeline, spoken

WORDS = {"客户迁移": "The customer moves", "搬离本地": "Leaves the area"}


def say(text):
    return WORDS.get(text, text)


def test_a_reason_of_two_levels_is_said_whole():
    with override("en"):
        assert (
            spoken.reason("销户：客户迁移：搬离本地", say)
            == "Cancelled: The customer moves: Leaves the area"
        )
    with override("zh-hans"):
        assert spoken.reason("销户：客户迁移：搬离本地", str) == "销户：客户迁移：搬离本地"
    assert spoken.reason("", say) == ""


def test_the_place_of_a_cause_is_said_by_the_program_where_the_playbook_does_not():
    rules = Handling(content={"english": {"接头松动或脏污": "Connector loose or dirty"}})
    with override("en"):
        assert (
            handling.say(rules, "外线：接头松动或脏污") == "outside line: Connector loose or dirty"
        )
        assert handling.say(rules, "群障：不在表里") == "群障：不在表里"


def test_a_line_of_several_parts_is_said_part_by_part(monkeypatch):
    words = {"外线": "Outside line", "接头松动": "Connector loose"}
    monkeypatch.setattr(playbooks, "words", lambda *_key: lambda text: words.get(text, text))
    both = fault_facts.words(Handling())
    with override("en"):
        assert order_timeline._said("outside line · 外线：接头松动", both) == (
            "outside line · Outside line: Connector loose"
        )


def test_a_refusal_names_its_steps_in_the_readers_words():
    words = {"竣工验收": "Acceptance"}
    told = "The order is at “竣工验收”, where this cannot be changed."
    said = spoken.steps(told, lambda text: words.get(text, text))
    assert said == "The order is at “Acceptance”, where this cannot be changed."
    assert spoken.steps("没有引号", str) == "没有引号"
