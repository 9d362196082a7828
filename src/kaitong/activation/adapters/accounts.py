"""Accounts in the tables of FreeRADIUS's SQL module: read, compare, and the statements between.

Pure: rows in, statements out. The desired state of an account is

- `radcheck`: its Cleartext-Password (CHAP needs it in clear there; that database is the AAA
  server's own), nothing for an absent account
- `radreply`: attributes of this account alone
- `radusergroup`: its plan's group at priority 10; a barred account also has the reject group at
  priority 0, which FreeRADIUS meets first; which one, says why it is barred
- `radgroupreply`: the attributes of the plan's group, shared by all who have it
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kaitong.activation.adapters.base import AccountChange, AccountState, Attribute, Reading
from kaitong.activation.adapters.sqltext import Secret, Statement
from kaitong.activation.errors import ElementProblem

PLAN_PRIORITY = 10
BARRED_PRIORITY = 0
PASSWORD = "Cleartext-Password"  # noqa: S105  the name of the attribute
# FreeRADIUS keeps other signs as =XX in its queries, so such an account would never be found
_ACCOUNT = re.compile(r"[0-9A-Za-z@._:/-]{1,64}")
_GROUP = re.compile(r"[0-9A-Za-z@._:/-]{1,64}")
_ATTRIBUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_OPERATORS = frozenset({":=", "=", "+=", "=="})


@dataclass(frozen=True, slots=True)
class Held:
    """The rows of one account and its plan: (id, ...) as the tables hold them."""

    check: Sequence[tuple[int, str, str, str]] = ()  # id, attribute, op, value
    reply: Sequence[tuple[int, str, str, str]] = ()
    groups: Sequence[tuple[int, str, int]] = ()  # id, group, priority
    plan: Sequence[tuple[int, str, str, str]] = field(default=())


def check(change: AccountChange) -> None:
    """Refuse a change the element could not hold."""
    if not _ACCOUNT.fullmatch(change.account):
        raise ElementProblem("账号为空，或含有认证系统不允许的字符。", field="account")
    if change.state is AccountState.ABSENT:
        return
    if not change.password or len(change.password.encode()) > 128:
        raise ElementProblem("账号密码应为 1 至 128 个字节。", field="password")
    if change.plan_attributes and not change.plan:
        raise ElementProblem("套餐属性需要套餐的组名。", field="plan")
    if change.plan and not _GROUP.fullmatch(change.plan):
        raise ElementProblem("套餐的组名含有不允许的字符。", field="plan")
    for attribute in (*change.plan_attributes, *change.attributes):
        if not _ATTRIBUTE.fullmatch(attribute.name) or attribute.op not in _OPERATORS:
            raise ElementProblem(f"{attribute.name} 不是 RADIUS 属性。", field="attributes")
        if is_secret(attribute.name):
            raise ElementProblem("密码不能作为应答属性。", field="attributes")


def is_secret(attribute: str) -> bool:
    """Whether an attribute's value must never be shown."""
    return "password" in attribute.lower() or "secret" in attribute.lower()


def statements(change: AccountChange, held: Held, barred_group: str) -> list[Statement]:
    """What turns the held rows into the desired state; empty when it stands already."""
    absent = change.state is AccountState.ABSENT
    account = change.account
    wanted_check: list[tuple[Any, ...]] = []
    wanted_reply: list[tuple[Any, ...]] = []
    wanted_groups: list[tuple[Any, ...]] = []
    if not absent:
        wanted_check.append((PASSWORD, ":=", change.password))
        wanted_reply.extend((a.name, a.op, a.value) for a in change.attributes)
        if change.plan:
            wanted_groups.append((change.plan, PLAN_PRIORITY))
        if change.state is AccountState.BARRED:
            wanted_groups.append((barred_group, BARRED_PRIORITY))
    found: list[Statement] = []
    if not absent and change.plan and change.plan_attributes:
        wanted_plan = [(a.name, a.op, a.value) for a in change.plan_attributes]
        found += _rows("radgroupreply", "groupname", change.plan, _AVP, wanted_plan, held.plan)
    found += _rows("radcheck", "username", account, _AVP, wanted_check, held.check)
    found += _rows("radreply", "username", account, _AVP, wanted_reply, held.reply)
    found += _rows(
        "radusergroup", "username", account, ("groupname", "priority"), wanted_groups, held.groups
    )
    return found


_AVP = ("attribute", "op", "value")


def _rows(
    table: str,
    key: str,
    owner: str,
    columns: tuple[str, ...],
    wanted: list[tuple[Any, ...]],
    held: Iterable[tuple[Any, ...]],
) -> list[Statement]:
    """Deletes of rows nobody wants (doubles too), then inserts of missing ones."""
    missing = list(dict.fromkeys(wanted))
    surplus = []
    for row in held:
        if row[1:] in missing:
            missing.remove(row[1:])
        else:
            surplus.append(row[0])
    found = []
    if surplus:
        places = ", ".join(["%s"] * len(surplus))
        found.append(
            Statement(
                f"DELETE FROM {table} WHERE {key} = %s AND id IN ({places})",
                (owner, *sorted(surplus)),
            )
        )
    for row in missing:
        values = [owner, *row]
        if columns == _AVP and is_secret(str(row[0])):
            values[-1] = Secret(str(row[-1]))
        found.append(
            Statement(
                f"INSERT INTO {table} ({key}, {', '.join(columns)})"
                f" VALUES ({', '.join(['%s'] * len(values))})",
                tuple(values),
            )
        )
    return found


def reading(held: Held, *barred_groups: str) -> Reading:
    """What the rows mean."""
    has_password = any(row[1] == PASSWORD for row in held.check)
    barred = any(group in barred_groups for _, group, _ in held.groups)
    plans = [group for _, group, _ in held.groups if group not in barred_groups]
    if not has_password and not held.groups and not held.reply:
        return Reading(AccountState.ABSENT)
    return Reading(
        AccountState.BARRED if barred else AccountState.OPEN,
        has_password=has_password,
        plan=plans[0] if plans else "",
        attributes=tuple(
            Attribute(name, value, op) for _, name, op, value in held.reply if not is_secret(name)
        ),
    )
