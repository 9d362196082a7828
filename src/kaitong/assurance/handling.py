"""How faults are handled: `faults:` of the playbooks, deployed and found again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.assurance.errors import FaultRefused
from kaitong.assurance.models import Handling
from kaitong.core import wording
from kaitong.core.deployed import put_in_force
from kaitong.org.actor import Actor


@dataclass(frozen=True, kw_only=True)
class HandlingEntry:
    """`faults:` of one version of a playbook with everything resolved."""

    services: list[str]
    content: dict[str, Any]
    definitions: dict[str, str]
    parameters: dict[str, Any]
    numbers: dict[str, dict[str, Any]]
    papers: dict[str, dict[str, Any]] = field(default_factory=dict)
    notices: dict[str, dict[str, Any]] = field(default_factory=dict)


def deploy_handling(
    *, actor: Actor, playbook: str, playbook_hash: str, entry: HandlingEntry | None
) -> Handling | None:
    """Make a version's handling current, retiring the one before; without an entry none is."""
    return put_in_force(
        Handling,
        playbook=playbook,
        playbook_hash=playbook_hash,
        values=vars(entry) if entry else None,
    )


def current() -> list[Handling]:
    """The handlings in force, by playbook."""
    return list(Handling.objects.filter(retired_at=None).order_by("playbook"))


def of_service(specification: str) -> Handling:
    """Who handles faults of this service. Raises FaultRefused when no playbook does."""
    for row in current():
        if specification in row.services:
            return row
    raise FaultRefused(
        _("这种业务没有故障处理流程。"), _("请在业务流程包里补上 faults:。"), field="service_id"
    )


def only() -> Handling | None:
    """The handling for what is about no service (hotlines, hand-over, alarms): that of the playbook
    with the hotlines; the first in force where none has any."""
    rows = current()
    return next((row for row in rows if row.content.get("hotlines")), next(iter(rows), None))


def of_calls(rules: Handling) -> Handling:
    """Whose hotlines a call came by: the playbook's own, else the house's, which all products
    share."""
    return rules if rules.content.get("hotlines") else only() or rules


def entry_of(rows: Iterable[Mapping[str, Any]], key: str) -> Mapping[str, Any] | None:
    """An entry of a list by its key."""
    return next((row for row in rows if row["key"] == key), None)


def reason_title(groups: Iterable[Mapping[str, Any]], code: str) -> str | None:
    """Both levels of GROUP.REASON in words; None when there is no such reason."""
    group, _dot, reason = code.partition(".")
    for one in groups:
        if one["key"] != group:
            continue
        inner = entry_of(one["reasons"], reason)
        return f"{one['title']}：{inner['title']}" if inner else None
    return None


def say(handling: Handling, text: str) -> str:
    """A word of the playbook in the reader's language."""
    if not wording.english():
        return text
    english: Mapping[str, str] = handling.content.get("english", {})
    if text in english:
        return english[text]
    head, _colon, tail = text.partition("：")  # both levels of a reason
    if tail not in english:
        return text
    return f"{english.get(head) or wording.read(head)}: {english[tail]}"


def definition(handling: Handling, key: str) -> UUID:
    return UUID(str(handling.definitions[key]))
