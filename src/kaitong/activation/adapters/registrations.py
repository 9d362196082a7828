"""What a voice platform holds: telephones that are registered, all its numbers for comparing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# the registrar writes in UTC; what has run out is gone, whether it was swept away or not
BINDINGS = (
    "SELECT username, contact, user_agent, coalesce(received, ''), registered_at,"
    " last_modified AT TIME ZONE 'utc', expires AT TIME ZONE 'utc' FROM location"
    " WHERE username = %s AND domain = %s AND expires AT TIME ZONE 'utc' > now()"
    " AND user_agent <> %s ORDER BY last_modified DESC, id DESC LIMIT 20"
)
LIVE = (
    "SELECT count(*) FROM location WHERE domain = %s AND expires AT TIME ZONE 'utc' > now()"
    " AND user_agent <> %s"
)
FETCH = 2000
HELD = """
SELECT names.username, coalesce(secret.digests, '{}'), coalesce(why.reasons, '{}')
  FROM (SELECT username FROM subscriber WHERE domain = %(domain)s{only}
        UNION SELECT username FROM usr_preferences
               WHERE domain = %(domain)s AND attribute = %(barred)s{only}) names
  LEFT JOIN (SELECT username,
                    array_agg(encode(sha256(convert_to(%(salt)s || ha1, 'UTF8')), 'hex')
                              ORDER BY id) AS digests
               FROM subscriber WHERE domain = %(domain)s{only} GROUP BY username) secret
    USING (username)
  LEFT JOIN (SELECT username, array_agg(value ORDER BY id) AS reasons
               FROM usr_preferences
              WHERE domain = %(domain)s AND attribute = %(barred)s{only} GROUP BY username) why
    USING (username)
 ORDER BY names.username COLLATE "C"
"""


@dataclass(frozen=True, slots=True)
class Registration:
    """A terminal that is registered. `heard_at` is its last word, `place` where it speaks from."""

    number: str
    contact: str
    user_agent: str
    place: str
    registered_at: datetime
    heard_at: datetime
    expires_at: datetime

    def is_since(self, moment: datetime) -> bool:
        """Whether the terminal was heard after a moment for certain. The registrar tells what it
        heard last in whole seconds, cut off: of the moment's own second only a registration that
        began after it counts, so that one of the line before never passes for one of the new."""
        second = moment.replace(microsecond=0)
        if self.heard_at == second:
            return self.registered_at >= moment
        return self.heard_at > second


def registration_of(row: Sequence[Any]) -> Registration:
    """Of a row in the order of `BINDINGS`."""
    number, contact, user_agent, received, registered_at, heard_at, expires_at = row
    return Registration(
        number=str(number),
        contact=str(contact),
        user_agent=str(user_agent),
        place=_place(received or contact),
        registered_at=registered_at,
        heard_at=heard_at,
        expires_at=expires_at,
    )


def _place(uri: str) -> str:
    """Host and port of a SIP address, without who is there."""
    return uri.partition("@")[2].partition(";")[0].rstrip(">") or uri.removeprefix("sip:")
