"""All accounts an AAA server holds, in byte order of their names, a few thousand at a time.

Passwords stay there: the server answers with their salted digests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from kaitong.activation.adapters.accounts import PASSWORD

_FETCH = 2000
_ALL = """
SELECT names.username, coalesce(secret.digests, '{{}}'), coalesce(member.groups, '{{}}')
  FROM (SELECT username FROM radcheck {only} UNION SELECT username FROM radusergroup {only}
        UNION SELECT username FROM radreply {only}) names
  LEFT JOIN (SELECT username, array_agg(encode(sha256(convert_to(%(salt)s || value, 'UTF8')), 'hex')
                                        ORDER BY id) AS digests
               FROM radcheck WHERE attribute = %(password)s{named} GROUP BY username) secret
    USING (username)
  LEFT JOIN (SELECT username, array_agg(groupname ORDER BY priority, id) AS groups
               FROM radusergroup {only} GROUP BY username) member
    USING (username)
 ORDER BY names.username COLLATE "C"
"""


@dataclass(frozen=True, slots=True)
class Holding:
    """What the server holds of one account."""

    account: str
    digests: tuple[str, ...]
    groups: tuple[str, ...]


def held(
    database: psycopg.Connection[Any], salt: str, accounts: Collection[str] | None = None
) -> Iterator[Holding]:
    """Of all accounts, or of those named. Inside a transaction of its own, which it lengthens."""
    # each part is narrowed by itself: the server would else digest every password there is
    named = "" if accounts is None else " AND username = ANY(%(accounts)s)"
    only = named.replace("AND", "WHERE", 1)
    with database.transaction():
        database.execute("SET LOCAL statement_timeout = '300s'")
        database.execute("SET LOCAL idle_in_transaction_session_timeout = '300s'")
        with database.cursor(name="reconcile") as cursor:
            cursor.itersize = _FETCH
            values = {"salt": salt, "password": PASSWORD, "accounts": list(accounts or ())}
            cursor.execute(_ALL.format(only=only, named=named).encode(), values)
            for account, digests, groups in cursor:
                yield Holding(account, tuple(digests), tuple(groups))
