"""The customer's telephone to practise with: `sipp`, not Kaitong's code.

A registration stands at the registrar until it expires or is taken back; no process is kept for it.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg

from kaitong.lab.errors import LabError
from kaitong.lab.state import HOST, free_udp_port
from kaitong.lab.voice import VoiceLab, find_programs

_ANSWER = re.compile(r"SIP/2\.0 (\d{3} [^\r\n]*)")
_SECONDS = 6


@dataclass(frozen=True, slots=True)
class PhoneResult:
    """What the registrar answered to the telephone."""

    number: str
    done: bool
    answer: str
    took_ms: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Bound:
    """A telephone that is registered."""

    number: str
    contact: str
    user_agent: str


class Telephone:
    """Telephones of the lab's voice platform."""

    def __init__(self, lab: VoiceLab | None = None) -> None:
        self.lab = lab or VoiceLab()
        self.settings = self.lab.settings()
        self._sipp = find_programs().sipp

    def on(self, number: str, password: str, *, seconds: int = 3600) -> PhoneResult:
        """Plugged in: it registers, on a port of its own."""
        return self._register(number, password, seconds, free_udp_port())

    def off(self, number: str, password: str) -> PhoneResult:
        """Unplugged in good order: it takes back what it registered."""
        result = PhoneResult(number, True, "was not registered", 0.0)
        for bound in self.bound(number):
            result = self._register(number, password, 0, int(bound.contact.rpartition(":")[2]))
        return result

    def call(self, number: str, password: str, dialled: str) -> PhoneResult:
        """Call another telephone that is registered, which answers; talk a moment, hang up."""
        with tempfile.TemporaryDirectory(prefix="kaitong-phone-") as folder:
            answering = [
                self._start(Path(folder), "answer", int(bound.contact.rpartition(":")[2]))
                for bound in self._called(dialled)
            ]
            try:
                return self._say("call", number, password, dialled, free_udp_port())
            finally:
                for process in answering:
                    process.terminate()
                    process.wait(timeout=5)

    def bound(self, number: str = "") -> list[Bound]:
        """Who is registered now, of all or of one number."""
        rows = self._query(
            "SELECT username, contact, user_agent FROM location"
            " WHERE expires AT TIME ZONE 'utc' > now() AND %s IN ('', username)"
            " ORDER BY username, id",
            number,
        )
        return [Bound(*row) for row in rows]

    # ---- inside ---------------------------------------------------------------------------------

    def _called(self, dialled: str) -> list[Bound]:
        rows = self._query(
            "SELECT coalesce((SELECT username FROM dbaliases WHERE alias_username = %s), %s)",
            dialled,
            dialled,
        )
        return self.bound(str(rows[0][0]))

    def _register(self, number: str, password: str, seconds: int, port: int) -> PhoneResult:
        return self._say("register", number, password, str(seconds), port)

    def _say(self, what: str, number: str, password: str, more: str, port: int) -> PhoneResult:
        if any(ord(sign) < 32 or sign in ';"[]' for sign in number + password + more):
            raise LabError("A value has signs the telephone cannot send.", "Leave them out.")
        with tempfile.TemporaryDirectory(prefix="kaitong-phone-") as name:
            folder = Path(name)
            # in a file, not among the arguments: those are seen by everybody
            credentials = f"[authentication username={number} password={password}]"
            fields = folder / "fields.csv"
            fields.touch(mode=0o600)
            fields.write_text(
                f"SEQUENTIAL\n{number};{credentials};{more};{self.settings.domain};\n"
            )
            begun = time.perf_counter()
            process = self._start(folder, what, port, "-inf", str(fields))
            try:
                status = process.wait(timeout=_SECONDS + 5)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
            took = round((time.perf_counter() - begun) * 1000, 1)
            errors = folder / "errors.log"
            said = errors.read_text(errors="replace") if errors.exists() else ""
            answers = _ANSWER.findall(said)
            answer = "200 OK" if status == 0 else answers[-1] if answers else "no answer"
            return PhoneResult(number, status == 0, answer, took)

    def _start(self, folder: Path, what: str, port: int, *more: str) -> subprocess.Popen[bytes]:
        scenario = folder / f"{what}.xml"
        scenario.write_text(files("kaitong.lab").joinpath("kamailio", f"{what}.xml").read_text())
        return subprocess.Popen(
            [self._sipp, f"{self.settings.host}:{self.settings.port}", "-sf", str(scenario),
             "-i", HOST, "-p", str(port), "-m", "1", "-nostdin", "-timeout", f"{_SECONDS}s",
             "-timeout_error", "-trace_err", "-error_file", str(folder / "errors.log"), *more],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=folder,
        )  # fmt: skip

    def _query(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        try:
            with psycopg.connect(self.lab.dsn(), connect_timeout=3) as database:
                return database.execute(query.encode(), values).fetchall()
        except psycopg.OperationalError:
            raise LabError(
                "The lab's voice database does not answer.", "Start it: ./run lab up voice"
            ) from None
