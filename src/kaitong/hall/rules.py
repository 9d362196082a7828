"""How a hall queues, as a playbook's `hall:` says it: business kinds, posts, limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from kaitong.core.deployed import put_in_force
from kaitong.hall.errors import HallRefused, NotAllowed
from kaitong.hall.models import Rules
from kaitong.org.actor import Actor
from kaitong.worktime.budgets import parse_budget

TICKET, APPLICATION = "ticket", "application"  # papers
LEADING = "supervisor"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesEntry:
    """What a playbook deploys."""

    content: Mapping[str, Any]
    parameters: Mapping[str, Any]
    papers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of business people take a number for. `wait`: seconds within which it is to begin."""

    key: str
    title: str
    title_en: str
    prefix: str
    minutes: int  # what it takes, until the hall knows better
    wait: int
    form: bool  # an application form (F-38) is filled in
    changes: bool  # of a line in use: the form asks which, and what is to be done with it
    identity: bool  # identity documents are needed (VER-06)
    icon: str
    bring: tuple[tuple[str, str], ...]  # further things to bring, in both languages


def deploy_hall(
    *, actor: Actor, playbook: str, playbook_hash: str, entry: RulesEntry | None
) -> Rules | None:
    """Make a version's rules current, retiring the ones before; without an entry none are."""
    return put_in_force(
        Rules,
        playbook=playbook,
        playbook_hash=playbook_hash,
        values=asdict(entry) if entry else None,
    )


def current() -> Rules | None:
    """The rules in force: of the first playbook that has any."""
    return Rules.objects.filter(retired_at=None).order_by("playbook").first()


def required() -> Rules:
    """The same; refused where no playbook says how a hall queues."""
    found = current()
    if found is None:
        raise HallRefused(_("没有排队规则。"), _("请在业务流程包里写上 hall:，再部署。"))
    return found


def kinds(rules: Rules) -> tuple[Kind, ...]:
    english = rules.content.get("english", {})
    return tuple(
        Kind(
            key=entry["key"],
            title=entry["title"],
            title_en=english.get(entry["title"], ""),
            prefix=entry["prefix"],
            minutes=int(entry["minutes"]),
            wait=_seconds(rules, entry["wait"]),
            form=bool(entry.get("form")),
            changes=bool(entry.get("changes")),
            identity=bool(entry.get("identity")),
            icon=entry.get("icon", "ticket"),
            bring=tuple((text, english.get(text, "")) for text in entry.get("bring", [])),
        )
        for entry in rules.content["kinds"]
    )


def kind(rules: Rules, key: str) -> Kind | None:
    return next((one for one in kinds(rules) if one.key == key), None)


def number(rules: Rules, name: str, usual: int) -> int:
    """A whole number of the section, by the parameter it names."""
    return int(rules.parameters.get(rules.content.get(name, ""), usual))


def seconds(rules: Rules, name: str, usual: int) -> int:
    """A length of the section, by the parameter it names."""
    given = rules.content.get(name, "")
    return _seconds(rules, given) if given else usual


def may_take(actor: Actor, rules: Rules | None) -> bool:
    """Whether somebody may give out numbers and fill in forms."""
    posts = rules.content["posts"]["take"] if rules is not None else []
    return rules is not None and any(actor.has_post(post) for post in posts)


def is_device(actor: Actor, rules: Rules | None) -> bool:
    """Whether a tablet or a board is signed in: it gives out numbers, keeps forms and shows the
    line, and leads nothing."""
    posts = rules.content["posts"].get("device", []) if rules is not None else []
    return any(post in actor.posts for post in posts)


def may_give(actor: Actor, rules: Rules | None) -> bool:
    """Whether a number may be taken and a form filled in here: by people or at a device."""
    return may_take(actor, rules) or is_device(actor, rules)


def may_serve(actor: Actor, rules: Rules | None) -> bool:
    """Whether somebody may sit at a counter."""
    posts = rules.content["posts"]["serve"] if rules is not None else []
    return rules is not None and actor.id is not None and any(actor.has_post(p) for p in posts)


def may_see(actor: Actor, rules: Rules | None) -> bool:
    """Whether the hall concerns somebody at all."""
    if rules is None:
        return False
    return may_give(actor, rules) or may_serve(actor, rules) or actor.has_post(LEADING)


def require(allowed: bool) -> None:
    if not allowed:
        raise NotAllowed(_("排队由营业厅的人员办理。"), _("请用营业员或引导员的账号。"))


# ---- inside --------------------------------------------------------------------------------------


def _seconds(rules: Rules, name: str) -> int:
    given = rules.parameters[name]
    return round(parse_budget(given).seconds)
