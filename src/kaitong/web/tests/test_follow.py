"""What the drawer says will follow: a choice in words that can be understood alone."""

from kaitong.core.home import library
from kaitong.process.bpmn import parse
from kaitong.web.pages.follow import after


def test_a_bare_yes_is_said_with_what_was_asked():
    name = "open.bpmn"
    model = parse((library() / "home-broadband" / "processes" / name).read_bytes(), name)
    said = after(model, "AssignPort", say=str, posts={})
    assert "融合套餐？是：融合业务配号（自动）" in said
    assert "融合套餐？不是：" in said
    said = after(model, "AccountTrouble", say=str, posts={})
    assert "怎么处理" not in said, "an answer that says all needs no question"
