"""What a step says of the order that stands there: amending (改单), withdrawing (撤单).

`kaitong:amend="appointment:clerk,installer phone:clerk"` names fields and the posts that may change
them there; `kaitong:withdraw="no"`, or posts, says whether the order may be withdrawn while it
stands there. Supervisors hold every post of these rules. `kaitong:site="old"` or `"new"` says at
which address of a move the step is done.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process.model import Node

APPOINTMENT, PHONE, REMARK = "appointment", "phone", "remark"
FIELDS = (APPOINTMENT, PHONE, REMARK)
AMEND, WITHDRAW, NO = "amend", "withdraw", "no"
SITE, OLD, NEW = "site", "old", "new"  # at which end of a move (移机) a step's work is done
SITES = (OLD, NEW)


def parse(text: str) -> dict[str, tuple[str, ...]]:
    """`kaitong:amend` of a step: posts by field; no posts means the step's own."""
    found = {}
    for part in text.replace(";", " ").split():
        field, _colon, posts = part.partition(":")
        found[field] = tuple(filter(None, posts.split(",")))
    return found


def faults(node: Node, posts: Iterable[str]) -> Iterable[tuple[str, str]]:
    """What is wrong with a step's rules: what, remedy."""
    known = set(posts)
    for field, named in parse(node.extension.get(AMEND, "")).items():
        if field not in FIELDS:
            yield f"No field {field!r} to amend.", f"Known: {', '.join(FIELDS)}."
        for post in set(named) - known:
            yield f"No post {post!r}.", "Name it under posts:."
    rule = _posts(node.extension.get(WITHDRAW, ""))
    for post in set(rule) - known - {NO}:
        yield f"No post {post!r}.", f"Name it under posts:, or write {NO!r}."
    if NO in rule and len(rule) > 1:
        yield f"{NO!r} beside posts.", f"Write {NO!r} alone, or posts."
    site = node.extension.get(SITE, "")
    if site and site not in SITES:
        yield f"No end {site!r} of a move.", f"Known: {', '.join(SITES)}."


def withdrawal_refusal(actor: Actor, nodes: Iterable[Node]) -> tuple[str, str]:
    """Why an order that stands at these steps may not be withdrawn by this person, and what to do;
    empty when the steps say nothing against it."""
    for node in nodes:
        rule = _posts(node.extension.get(WITHDRAW, ""))
        if NO in rule:
            return (
                _("订单在“%(step)s”，这一步不能撤单。") % {"step": node.name},
                _("请等这一步办完。"),
            )
        if rule and not holds(actor, rule):
            return (
                _("订单在“%(step)s”，只有%(who)s可以撤单。")
                % {"step": node.name, "who": named(rule)},
                _("请由他们办理。"),
            )
    return "", ""


def holds(actor: Actor, posts: Iterable[str]) -> bool:
    return actor.is_supervisor or any(actor.has_post(post) for post in posts)


def _posts(text: str) -> list[str]:
    return text.replace(",", " ").split()


def named(posts: Iterable[str]) -> str:
    """Titles of posts in the reader's language."""
    english = wording.english()
    known = org.posts_by_key()
    titles = []
    for key in dict.fromkeys(posts):
        post = known.get(key)
        name = ((english and post.name_en) or post.name) if post else key
        titles.append(name)
    return (", " if english else "、").join(titles)
