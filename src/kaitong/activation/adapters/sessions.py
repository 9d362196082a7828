"""Sessions in the AAA server's accounting, and what they say about a customer's line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaitong.activation import nasport
from kaitong.activation.adapters.base import Proof, ProofKind, ProofResult
from kaitong.activation.nasport import Line
from kaitong.core.masking import mask_account

_COLUMNS = (
    "radacctid, acctuniqueid, username, nasportid, host(nasipaddress),"
    " acctstarttime, acctstoptime, host(framedipaddress), acctsessionid"
)
# The newest first: a modem that redials on another port has two rows for a moment. A session the
# access server has not mentioned for long is dead, whatever the row says.
OPEN_SESSIONS = (
    f"SELECT {_COLUMNS} FROM radacct WHERE username = %s AND acctstoptime IS NULL"
    " AND coalesce(acctupdatetime, acctstarttime) > now() - make_interval(secs => %s)"
    " ORDER BY radacctid DESC LIMIT 20"
)
OPEN_COUNT = (
    "SELECT count(*) FROM radacct WHERE acctstoptime IS NULL"
    " AND coalesce(acctupdatetime, acctstarttime) > now() - make_interval(secs => %s)"
)
SESSIONS_SINCE = f"SELECT {_COLUMNS} FROM radacct WHERE radacctid > %s ORDER BY radacctid LIMIT %s"

# octets as the customer sees them: what the access server sent is down
SESSIONS_BETWEEN = (
    "SELECT acctstarttime, acctstoptime, coalesce(acctstoptime, acctupdatetime, acctstarttime),"
    " coalesce(acctoutputoctets, 0), coalesce(acctinputoctets, 0),"
    " coalesce(host(framedipaddress), ''), coalesce(nasportid, ''),"
    " coalesce(acctterminatecause, '')"
    " FROM radacct WHERE username = %s AND acctstarttime < %s"
    " AND coalesce(acctstoptime, acctupdatetime, acctstarttime) > %s"
    " ORDER BY acctstarttime DESC LIMIT %s"
)
REFUSALS = (
    "SELECT authdate, coalesce(said, '') FROM radpostauth"
    " WHERE username = %s AND reply = 'Access-Reject' AND callingstationid IS NOT NULL"
    " AND authdate > %s ORDER BY authdate DESC LIMIT %s"
)


@dataclass(frozen=True, slots=True)
class Session:
    """One row of accounting. `line` is None when the NAS-Port-Id is not of the known spelling."""

    number: int
    unique_id: str
    account: str
    nas_port_id: str
    nas_address: str
    started_at: datetime | None
    stopped_at: datetime | None
    address: str
    line: Line | None
    session_id: str = ""  # what its access server calls it


def session_of(row: Sequence[Any], pattern: nasport.Pattern) -> Session:
    """A session of a row of `radacct` in the order of the columns above."""
    number, unique_id, account, port, nas, started, stopped, address, session_id = row
    return Session(
        number=int(number),
        unique_id=str(unique_id),
        account=nasport.shown(account),
        nas_port_id=nasport.shown(nasport.unescape(port or "")),
        nas_address=str(nas or ""),
        started_at=started,
        stopped_at=stopped,
        address=str(address or ""),
        line=pattern.parse(port),
        session_id=nasport.unescape(session_id or ""),
    )


def sessions_text(sessions: Sequence[Session]) -> str:
    """Sessions as lines of text."""
    if not sessions:
        return "no open session"
    return "\n".join(
        f"session {s.unique_id}: NAS {s.nas_address}, NAS-Port-Id {s.nas_port_id!r},"
        f" since {s.started_at:%Y-%m-%d %H:%M:%S%z}, address {s.address or '-'}"
        if s.started_at
        else f"session {s.unique_id}: NAS {s.nas_address}, NAS-Port-Id {s.nas_port_id!r}"
        for s in sessions
    )


def judge(account: str, expected: Line, sessions: Sequence[Session]) -> Proof:
    """Whether the newest open session is on the expected line; `differences` names what is not."""
    facts: dict[str, Any] = {"account": mask_account(account), "expected": line_facts(expected)}
    if not sessions:
        return Proof(ProofKind.LINE, ProofResult.NOT_SEEN, facts)
    newest = sessions[0]
    seen = line_facts(newest.line) if newest.line else {}
    facts["seen"] = seen | {
        "nas_port_id": newest.nas_port_id,
        "nas": newest.nas_address,
        "session": newest.unique_id,
        "address": newest.address,
        "started_at": newest.started_at.isoformat() if newest.started_at else "",
    }
    if newest.line is None:
        facts["differences"] = ["nas_port_id"]
    else:
        compared = ["access_node", "pon_port", "logical_id"]
        if expected.user_port is not None:
            compared.append("user_port")
        facts["differences"] = [
            name for name in compared if getattr(newest.line, name) != getattr(expected, name)
        ]
    result = ProofResult.WRONG_PORT if facts["differences"] else ProofResult.PROVEN
    return Proof(ProofKind.LINE, result, facts)


def line_facts(line: Line) -> dict[str, Any]:
    """A line as proofs keep it."""
    facts: dict[str, Any] = {
        "access_node": line.access_node,
        "pon_port": line.pon_port,
        "logical_id": line.logical_id,
    }
    return facts if line.user_port is None else facts | {"user_port": line.user_port}
