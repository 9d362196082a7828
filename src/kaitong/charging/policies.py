"""Rules about money that playbooks bring with them (`parameters` of these names).

They are looked up when something happens: a bill's due day and a pause's price are pinned with
the bill and the pause, so that a new version changes new ones only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kaitong.charging.choices import DunningAct
from kaitong.charging.models import Policy
from kaitong.core.clock import now

# Parameters of a playbook that are kept here; what one does not say is as in `Rules`.
DUE_DAYS, MOST = 20, 10_000_000
NAMES = (
    "bill_due_days",
    "suspended_rent",
    "dunning_levels",
    "quiet_hours",
    "payment_most",
    "refund_approval_above",
    "card_tries",
    "card_locked_minutes",
)
TRIES, LOCKED_MINUTES = 5, 30


@dataclass(frozen=True, slots=True)
class Level:
    """A level of dunning (催缴级别): so many days after a bill was due, this is to be done."""

    number: int
    after_days: int
    act: DunningAct
    title: str
    title_en: str = ""
    text: str = ""  # of a notice: places {branch} {sum} {due} {days}
    text_en: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one playbook says about money."""

    bill_due_days: int = DUE_DAYS
    suspended_rent: Mapping[str, Mapping[str, int]] | None = None
    levels: tuple[Level, ...] = ()
    quiet: str = ""  # when nobody is told anything
    payment_most: int = MOST
    refund_most: int | None = None  # more at once is a supervisor's
    card_tries: int = TRIES
    card_locked_minutes: int = LOCKED_MINUTES

    def paused(self, kind: str) -> tuple[int, int]:
        """Percent of the rent, and fen a month to keep the number, while suspended so."""
        said = (self.suspended_rent or {}).get(kind, {})
        return int(said.get("percent", 0)), int(said.get("keep", 0))


def put_policy(
    *,
    playbook: str,
    version: str,
    parameters: Mapping[str, Any],
    english: Mapping[str, str] | None = None,
) -> None:
    """Keep what a playbook that is being deployed says, its levels in both languages; within the
    deployment's transaction."""
    words = english or {}
    parameters = dict(parameters)
    if "dunning_levels" in parameters:
        parameters["dunning_levels"] = [
            {
                **row,
                "title_en": words.get(row["title"], ""),
                "text_en": words.get(row.get("text", ""), ""),
            }
            for row in parameters["dunning_levels"]
        ]
    Policy.objects.update_or_create(
        playbook=playbook,
        defaults={
            "version": version,
            "values": {name: parameters[name] for name in NAMES if name in parameters},
            "updated_at": now(),
        },
    )


def rules_of(playbook: str) -> Rules:
    return every_rules().get(playbook) or Rules()


def every_rules() -> dict[str, Rules]:
    """By playbook, in one query."""
    return {row.playbook: read(row.values) for row in Policy.objects.all()}


def read(values: Mapping[str, Any]) -> Rules:
    return Rules(
        bill_due_days=int(values.get("bill_due_days", DUE_DAYS)),
        suspended_rent=values.get("suspended_rent", {}),
        levels=tuple(levels(values.get("dunning_levels", ()))),
        quiet=str(values.get("quiet_hours", "")),
        payment_most=int(values.get("payment_most", MOST)),
        refund_most=values.get("refund_approval_above"),
        card_tries=int(values.get("card_tries", TRIES)),
        card_locked_minutes=int(values.get("card_locked_minutes", LOCKED_MINUTES)),
    )


def levels(rows: Sequence[Mapping[str, Any]]) -> list[Level]:
    """Levels in the order of their days.

    >>> [one.title for one in levels([{"after": 7, "act": "suspend", "title": "b"},
    ...                               {"after": 1, "act": "notice", "title": "a"}])]
    ['a', 'b']
    """
    ordered = sorted(rows, key=lambda row: int(row["after"]))
    return [
        Level(
            number,
            int(row["after"]),
            DunningAct(row["act"]),
            str(row["title"]),
            str(row.get("title_en", "")),
            str(row.get("text", "")),
            str(row.get("text_en", "")),
        )
        for number, row in enumerate(ordered, start=1)
    ]
