"""Subscribers in the tables of Kamailio: read, compare, and the statements between.

Pure: rows in, statements out. The desired state of a number is

- `subscriber`: its HA1 (RFC 2617), from which nobody reads the password; no clear text
- `usr_preferences`: `barred` with the reason, while it is shut off
- `dbaliases`: what else is dialled for it: E.164, and the number without its area code
- `location`: registrations go with what they stood on: all of a number that is shut off, taken out,
  or has another password
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kaitong.activation.adapters.base import AccountChange, AccountState, Reading
from kaitong.activation.adapters.sip import ha1
from kaitong.activation.adapters.sqltext import Secret, Statement
from kaitong.activation.errors import ElementProblem

BARRED = "barred"
ANY_REASON = "request"  # what a number is barred for where nobody says
_NUMBER = re.compile(r"[0-9]{3,15}")  # as dialled in the country; E.164 has 15 digits at most


@dataclass(frozen=True, slots=True)
class Plan:
    """How the platform spells numbers."""

    domain: str
    country_code: str = ""
    area_code: str = ""

    def aliases(self, number: str) -> tuple[str, ...]:
        """What else is dialled for a number: `+865597550001` and `7550001` for `05597550001`."""
        found = []
        if self.country_code:
            found.append(f"+{self.country_code}{number.removeprefix('0')}")
        if self.area_code and number.startswith(self.area_code) and number != self.area_code:
            found.append(number.removeprefix(self.area_code))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Held:
    """The rows of one number. `aliases`: (alias, whose) of its own and of those it shall have."""

    secret: tuple[str, str] | None = None  # HA1, clear text
    barred: tuple[str, ...] = ()
    aliases: Sequence[tuple[str, str]] = ()
    bindings: int = 0

    @property
    def is_empty(self) -> bool:
        return self.secret is None and not self.barred and not self.bindings


def check(change: AccountChange) -> None:
    """Refuse a change the platform could not hold."""
    if not _NUMBER.fullmatch(change.account):
        raise ElementProblem(
            f"固定电话号码 {change.account!r} 不是 3 至 15 位数字。", field="number"
        )
    if change.state is not AccountState.ABSENT and not change.password:
        raise ElementProblem("固定电话没有密码。", "先分配密码。", field="password")


def statements(change: AccountChange, held: Held, plan: Plan) -> list[Statement]:
    """What turns the held rows into the desired state; empty when it stands already."""
    number, absent = change.account, change.state is AccountState.ABSENT
    own = (number, plan.domain)
    found: list[Statement] = []
    gone = absent or change.state is AccountState.BARRED
    if absent:
        if held.secret is not None:
            found.append(
                Statement("DELETE FROM subscriber WHERE username = %s AND domain = %s", own)
            )
    else:
        secret = ha1(number, plan.domain, change.password)
        if held.secret is None:
            found.append(
                Statement(
                    "INSERT INTO subscriber (username, domain, ha1) VALUES (%s, %s, %s)",
                    (*own, Secret(secret)),
                )
            )
        elif held.secret != (secret, ""):
            gone = True
            found.append(
                Statement(
                    "UPDATE subscriber SET ha1 = %s, password = ''"
                    " WHERE username = %s AND domain = %s",
                    (Secret(secret), *own),
                )
            )
    found += _barred(change, held, own)
    found += _aliases(() if absent else plan.aliases(number), held, own)
    if gone and held.bindings:
        found.append(Statement("DELETE FROM location WHERE username = %s AND domain = %s", own))
    return found


def _barred(change: AccountChange, held: Held, own: tuple[str, str]) -> list[Statement]:
    barred = change.state is AccountState.BARRED
    wanted = (change.barred_for or ANY_REASON,) if barred else ()
    if held.barred == wanted:
        return []
    found = []
    if held.barred:
        found.append(
            Statement(
                "DELETE FROM usr_preferences"
                " WHERE username = %s AND domain = %s AND attribute = %s",
                (*own, BARRED),
            )
        )
    found += [
        Statement(
            "INSERT INTO usr_preferences (username, domain, attribute, value, last_modified)"
            " VALUES (%s, %s, %s, %s, now() AT TIME ZONE 'utc')",
            (*own, BARRED, reason),
        )
        for reason in wanted
    ]
    return found


def _aliases(wanted: Sequence[str], held: Held, own: tuple[str, str]) -> list[Statement]:
    """An alias rings at one number: whoever else has it loses it."""
    number, domain = own
    missing, found = list(wanted), []
    for alias, whose in held.aliases:
        if whose == number and alias in missing:
            missing.remove(alias)
        else:
            found.append(
                Statement(
                    "DELETE FROM dbaliases WHERE alias_username = %s AND alias_domain = %s",
                    (alias, domain),
                )
            )
    found += [
        Statement(
            "INSERT INTO dbaliases (alias_username, alias_domain, username, domain)"
            " VALUES (%s, %s, %s, %s)",
            (alias, domain, number, domain),
        )
        for alias in missing
    ]
    return found


def reading(held: Held) -> Reading:
    """What the rows mean."""
    if held.is_empty:
        return Reading(AccountState.ABSENT)
    state = AccountState.BARRED if held.barred else AccountState.OPEN
    return Reading(state, has_password=bool(held.secret and held.secret[0]))


def of_rows(
    number: str,
    secrets: Sequence[tuple[Any, ...]],
    barred: Sequence[tuple[Any, ...]],
    aliases: Sequence[tuple[Any, ...]],
    bindings: int,
) -> Held:
    return Held(
        secret=(str(secrets[0][0]), str(secrets[0][1])) if secrets else None,
        barred=tuple(str(row[0]) for row in barred),
        aliases=[(str(alias), str(whose)) for alias, whose in aliases],
        bindings=bindings,
    )
