"""How customers are asked, as a playbook's `surveys:` says it: asks, questions, limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.core.deployed import put_in_force
from kaitong.org.actor import Actor
from kaitong.surveys.errors import NotAllowed
from kaitong.surveys.models import Invitation, Rules
from kaitong.worktime.budgets import parse_budget

TRIES, PAUSE = 3, timedelta(hours=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesEntry:
    """What a playbook deploys."""

    content: Mapping[str, Any]
    parameters: Mapping[str, Any]
    definition_id: UUID | None = None


def deploy_surveys(
    *, actor: Actor, playbook: str, playbook_hash: str, entry: RulesEntry | None
) -> Rules | None:
    """Make a version's rules current, retiring the ones before; without an entry none are."""
    return put_in_force(
        Rules,
        playbook=playbook,
        playbook_hash=playbook_hash,
        values=asdict(entry) if entry else None,
    )


def current() -> dict[str, Rules]:
    """The rules in force, by playbook."""
    return {row.playbook: row for row in Rules.objects.filter(retired_at=None)}


def asks(rules: Rules, when: str, of: str) -> list[Mapping[str, Any]]:
    """What is asked when this happens to something of this kind."""
    return [
        one
        for one in rules.content["asks"]
        if one["when"] == when and (not one.get("of") or of in one["of"])
    ]


def ask_of(row: Invitation) -> Mapping[str, Any]:
    """The entry somebody was asked by."""
    return next(one for one in row.rules.content["asks"] if one["key"] == row.ask)


def reasons_of(row: Invitation) -> list[Mapping[str, Any]]:
    """Reasons for a bad score, of two levels: those that fit what was asked about."""
    return [
        group
        for group in row.rules.content.get("reasons", [])
        if row.source in group.get("of", [row.source])
    ]


def reason_title(row: Invitation, code: str) -> str | None:
    """Both levels of GROUP.REASON in words; None when there is no such reason."""
    group, _dot, reason = code.partition(".")
    for one in reasons_of(row):
        for inner in one["reasons"]:
            if (one["key"], inner["key"]) == (group, reason):
                return f"{one['title']}：{inner['title']}"
    return None


def number(rules: Rules, field: str, usual: int) -> int:
    """A whole number of the section, by the parameter it names."""
    return int(rules.parameters.get(rules.content.get(field, ""), usual))


def length(rules: Rules, name: str, usual: timedelta) -> timedelta:
    """A length, by the name of its parameter."""
    given = rules.parameters.get(name)
    return timedelta(seconds=parse_budget(given).seconds) if given else usual


def say(rules: Rules, text: str) -> str:
    """A word of the playbook in the reader's language."""
    if not wording.english():
        return text
    english: Mapping[str, str] = rules.content.get("english", {})
    if text in english:
        return english[text]
    head, colon, tail = text.partition("：")  # both levels of a reason
    return f"{english.get(head, head)}: {english.get(tail, tail)}" if colon else text


def at_desk(actor: Actor) -> bool:
    """Whether somebody calls customers and reads what they said (质量回访)."""
    return actor.is_supervisor or any(
        set(row.content["desk"]) & actor.posts for row in current().values()
    )


def require_desk(actor: Actor, rules: Rules) -> None:
    if not (actor.is_supervisor or set(rules.content["desk"]) & actor.posts):
        raise NotAllowed(_("您的岗位不做满意度回访。"), _("请转客服回访岗位。"))
