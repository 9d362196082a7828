"""The customer's modem and its access server: a real login and real accounting by radclient.

An independent client (FreeRADIUS's own `radclient`), not Kaitong's code: what it brings about is
what the network would have said. Until a real PPPoE line stands in the lab, a session is what an
access server reports about one: who logged in, on which line (NAS-Port-Id), with which address.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from kaitong.activation import nasport
from kaitong.activation.nasport import Line
from kaitong.lab.errors import LabError
from kaitong.lab.radius import RadiusLab, find_programs

_ANSWER = re.compile(r"^Received (Access-\w+|Accounting-Response)", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^\s+([A-Za-z0-9-]+) = (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What the network answered to the modem."""

    account: str
    action: str  # start | stop
    answer: str = "no answer"  # of the login
    accepted: bool = False
    accounted: bool = False
    nas_port_id: str = ""
    session_ids: tuple[str, ...] = ()
    address: str = ""
    took_ms: float = 0.0
    message: str = ""
    reply: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.accounted and (self.accepted or self.action == "stop")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ok": self.ok, "session_ids": list(self.session_ids)}


class AccessServer:
    """The lab's broadband access server (BRAS): speaks RADIUS for the customer's modem."""

    def __init__(self, lab: RadiusLab | None = None) -> None:
        self.lab = lab or RadiusLab()
        self.settings = self.lab.settings()
        self._radclient = find_programs().client

    # ---- what the modem does --------------------------------------------------------------------

    def start(
        self,
        account: str,
        nas_port_id: str,
        *,
        password: str | None = None,
        chap: bool = False,
        since: datetime | None = None,
    ) -> SessionResult:
        """Log in and, when accepted, report the session's start.

        Without a password it is the one the AAA server holds: what the customer typed into the
        modem. A session that has lasted `since` then is reported as one in progress.
        """
        begun = time.perf_counter()
        secret = password if password is not None else self.password(account)
        station = _station(account)
        answer, reply = self._send(
            "auth",
            {
                "User-Name": account,
                "CHAP-Password" if chap else "User-Password": secret,
                "Service-Type": "Framed-User",
                "Framed-Protocol": "PPP",
                "NAS-IP-Address": self.settings.nas_address,
                "NAS-Port-Type": "Ethernet",
                "NAS-Port-Id": nas_port_id,
                "Calling-Station-Id": station,
            },
        )
        if answer != "Access-Accept":
            return SessionResult(
                account, "start", answer, nas_port_id=nas_port_id, took_ms=_since(begun),
                message=reply.get("Reply-Message", ""), reply=reply,
            )  # fmt: skip
        address = reply.get("Framed-IP-Address") or _address(account)
        session_id = secrets.token_hex(8)
        lasted = int(time.time() - since.timestamp()) if since is not None else 0
        accounting, _ = self._send(
            "acct",
            {
                "Acct-Status-Type": "Interim-Update" if lasted > 0 else "Start",
                "Acct-Session-Time": str(lasted) if lasted > 0 else "",
                "Acct-Authentic": "RADIUS",
                "Event-Timestamp": str(int(time.time())),
                "Service-Type": "Framed-User",
                "Framed-Protocol": "PPP",
                "Framed-IP-Address": address,
                "NAS-Port-Type": "Ethernet",
                "Calling-Station-Id": station,
                **self._identity(account, session_id, nas_port_id),
            },
        )
        return SessionResult(
            account, "start", answer, accepted=True,
            accounted=accounting == "Accounting-Response", nas_port_id=nas_port_id,
            session_ids=(session_id,), address=address, took_ms=_since(begun), reply=reply,
        )  # fmt: skip

    def open_sessions(self, account: str, session_id: str = "") -> list[str]:
        """The sessions of an account that stand, by their own ids; of all, or of one id."""
        rows = self._query(
            "SELECT acctsessionid FROM radacct WHERE username = %s AND acctstoptime IS NULL"
            " ORDER BY radacctid",
            account,
        )
        return [row[0] for row in rows if session_id in ("", row[0])]

    def stop(
        self, account: str, *, session_id: str = "", cause: str = "User-Request"
    ) -> SessionResult:
        """End the account's open sessions (or one of them): Accounting-Stop for each."""
        begun = time.perf_counter()
        rows = self._query(
            "SELECT acctsessionid, nasportid, host(nasipaddress), callingstationid,"
            " greatest(extract(epoch FROM now() - acctstarttime)::bigint, 0)"
            " FROM radacct WHERE username = %s AND acctstoptime IS NULL ORDER BY radacctid",
            account,
        )
        rows = [row for row in rows if session_id in ("", row[0])]
        if not rows:
            return SessionResult(account, "stop", message="no open session")
        done: list[str] = []
        port = ""
        for session_id, stored_port, nas, station, seconds in rows:
            port = nasport.unescape(stored_port or "")
            answer, _ = self._send(
                "acct",
                {
                    "Acct-Status-Type": "Stop",
                    "Acct-Session-Time": str(seconds),
                    "Acct-Terminate-Cause": cause,
                    "Calling-Station-Id": station or "",
                    **self._identity(account, session_id, port, nas),
                },
            )
            if answer == "Accounting-Response":
                done.append(session_id)
        return SessionResult(
            account, "stop", accounted=len(done) == len(rows), nas_port_id=port,
            session_ids=tuple(done), took_ms=_since(begun),
        )  # fmt: skip

    # ---- inside ---------------------------------------------------------------------------------

    def _identity(self, account: str, session: str, port: str, nas: str = "") -> dict[str, str]:
        """What tells one session from another, in every packet about it."""
        return {
            "User-Name": account,
            "Acct-Session-Id": session,
            "NAS-IP-Address": nas or self.settings.nas_address,
            "NAS-Port-Id": port,
        }

    def _send(self, kind: str, attributes: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """One packet by radclient: the answer's name ("no answer") and its attributes."""
        port = self.settings.auth_port if kind == "auth" else self.settings.acct_port
        lines = [f"{name} = {_quoted(value)}" for name, value in attributes.items() if value]
        lines.append("Message-Authenticator = 0x00")
        with self._secret_file() as secret:
            outcome = subprocess.run(
                [self._radclient, "-x", "-r", "2", "-t", "2", "-S", str(secret),
                 f"{self.settings.host}:{port}", kind],
                input="\n".join(lines) + "\n", capture_output=True, text=True, check=False,
                timeout=20, errors="replace",
            )  # fmt: skip
        answers = list(_ANSWER.finditer(outcome.stdout))
        if not answers:
            if outcome.returncode and "No reply" not in outcome.stderr + outcome.stdout:
                raise LabError("radclient could not send the packet.", _clean(outcome.stderr))
            return "no answer", {}
        match = answers[-1]
        reply = {
            name: value.strip().strip('"')
            for name, value in _ATTRIBUTE.findall(outcome.stdout[match.end() :])
            if name != "Message-Authenticator"
        }
        return match[1], reply

    @contextmanager
    def _secret_file(self) -> Iterator[Path]:
        """The shared secret for radclient, in a file: arguments are seen by everybody."""
        handle, name = tempfile.mkstemp(prefix="kaitong-lab-")
        try:
            with os.fdopen(handle, "w") as out:
                out.write(self.settings.secret)
            yield Path(name)
        finally:
            Path(name).unlink()

    def password(self, account: str) -> str:
        """What the customer typed into the modem: the one the AAA server holds."""
        rows = self._query(
            "SELECT value FROM radcheck WHERE username = %s AND attribute = 'Cleartext-Password'",
            account,
        )
        if not rows:
            raise LabError(
                f"The AAA server knows no account {account}.",
                "Wait for its activation, or give --password to try anyway.",
            )
        return str(rows[0][0])

    def _query(self, query: str, account: str) -> list[tuple[Any, ...]]:
        try:
            with psycopg.connect(self.lab.dsn(), connect_timeout=3) as database:
                return database.execute(query.encode(), [account]).fetchall()
        except psycopg.OperationalError:
            raise LabError(
                "The lab's AAA database does not answer.", "Start it: ./run lab up radius"
            ) from None


def other_port(line: Line) -> Line:
    """A neighbouring PON port of the same board: what a technician mixes up."""
    frame, slot, pon = (int(part) for part in line.pon_port.split("/"))
    neighbour = pon + 1 if pon < 16 else pon - 1
    return replace(line, pon_port=f"{frame}/{slot}/{neighbour}")


def _quoted(value: str) -> str:
    """A value in radclient's input; line breaks and control signs have no business there."""
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
        raise LabError("A value has control characters.", "Leave them out.")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _clean(text: str) -> str:
    return "\n".join(line for line in text.splitlines()[-4:] if "assword" not in line)


def _station(account: str) -> str:
    """A MAC address of the customer's modem, the same every time (locally administered)."""
    digest = hashlib.sha256(account.encode()).digest()
    return "-".join(f"{octet:02X}" for octet in (0x02, *digest[:5]))


def _address(account: str) -> str:
    """An address of the carrier's shared range (RFC 6598), the same every time."""
    number = int.from_bytes(hashlib.sha256(account.encode()).digest()[5:8]) % (2**22 - 2)
    return str(ipaddress.IPv4Address("100.64.0.1") + number)


def _since(begun: float) -> float:
    return round((time.perf_counter() - begun) * 1000, 1)
