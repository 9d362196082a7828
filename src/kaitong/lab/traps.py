"""Alarms by SNMP: a real snmptrapd, and the handler that makes alarms of assurance of its traps.

Elements send traps (SNMPv2c) of two kinds, raised and cleared, whose variables name alarm, element,
component, kind, severity and text; the numbers are of Net-SNMP's arc for experiments, since each
maker has a MIB of its own and this one is only the lab's. Which kinds mean a common cause says the
playbook (`alarms:`). The handler first keeps a trap as a file and then delivers all that lie there:
a trap that comes while Kaitong's database is away is delivered by the next.

    KAITONG_HOME/lab/snmp/snmp.json      port and community; made once
    KAITONG_HOME/lab/snmp/spool          traps not delivered yet
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kaitong.core.ids import uuid7
from kaitong.lab.daemon import Daemon
from kaitong.lab.errors import LabError, LabMissing
from kaitong.lab.state import (
    HOST,
    free_udp_port,
    lab_folder,
    locked,
    udp_port_is_free,
    write_private,
)

PACKAGES = ("snmptrapd", "snmp")
_ARC = "1.3.6.1.4.1.8072.9999.9999.43"
RAISED, CLEARED = f"{_ARC}.0.1", f"{_ARC}.0.2"
VARIABLES = ("alarm", "element", "component", "kind", "severity", "text")
_TRAP = ".1.3.6.1.6.3.1.1.4.1.0"  # snmpTrapOID.0
_HEX = re.compile(r'"?((?:[0-9A-F]{2} )*[0-9A-F]{2}) ?"?')
_LONGEST = 64 * 1024
_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class TrapSettings:
    """Where traps are taken; `snmp.json`."""

    port: int
    community: str = field(repr=False)


class TrapLab:
    """The lab's receiver of traps. `up` and `down` may be called again."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or lab_folder()
        self.folder = self.home / "snmp"
        self.spool = self.folder / "spool"
        self.daemon = Daemon(self.folder / "process.json")

    def settings(self) -> TrapSettings | None:
        """None when it was never started here."""
        try:
            return TrapSettings(**json.loads((self.folder / "snmp.json").read_text()))
        except FileNotFoundError:
            return None

    def running(self) -> bool:
        return self.daemon.pid() is not None

    def up(self) -> TrapSettings:
        """Start snmptrapd; its handler reaches Kaitong by KAITONG_DATABASE_URL of this moment."""
        program = _program("snmptrapd")
        with locked(self.home):
            for folder in (self.folder, self.spool):
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o700)
            settings = self.settings()
            if settings is not None and self.running():
                return settings
            if settings is None or not udp_port_is_free(settings.port):
                community = settings.community if settings else secrets.token_hex(12)
                settings = TrapSettings(free_udp_port(), community)
                write_private(self.folder / "snmp.json", json.dumps(asdict(settings)) + "\n")
            write_private(
                self.folder / "snmptrapd.conf",
                f"snmpTrapdAddr udp:{HOST}:{settings.port}\n"
                f"authCommunity log,execute {settings.community}\n"
                f"traphandle default {sys.executable} -m kaitong.lab.traps {self.folder}\n",
            )
            log = self.folder / "snmptrapd.log"
            self.daemon.start(
                [program, "-f", "-C", "-c", str(self.folder / "snmptrapd.conf"), "-On",
                 "-m", "", "-Lf", str(log), "-p", str(self.folder / "snmptrapd.pid")],
                self.folder / "output.log",
            )  # fmt: skip
            deadline = time.monotonic() + _START_SECONDS
            while udp_port_is_free(settings.port):
                if not self.running() or time.monotonic() > deadline:
                    self.daemon.stop()
                    raise LabError("snmptrapd did not start.", f"See {log}.")
                time.sleep(0.05)
            return settings

    def down(self) -> bool:
        with locked(self.home):
            return self.daemon.stop()

    def send(self, *, cleared: bool, **told: str) -> None:
        """Be the element: one trap by snmptrap."""
        settings = self.settings()
        if settings is None:
            raise LabError("There is no receiver of traps here.", "Start it: ./run lab up snmp")
        argv = [_program("snmptrap"), "-v", "2c", "-c", settings.community, "-m", "",
                f"{HOST}:{settings.port}", "", CLEARED if cleared else RAISED]  # fmt: skip
        for number, name in enumerate(VARIABLES, start=1):
            argv += [f"{_ARC}.1.{number}", "s", told.get(name, "")]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
        if done.returncode:
            raise LabError("snmptrap could not send the trap.", done.stderr.strip()[-300:])


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if not found:
        raise LabMissing(
            "Net-SNMP is not installed here.",
            f"On Debian: apt-get install --no-install-recommends {' '.join(PACKAGES)}",
        )
    return found


# ---- the handler ---------------------------------------------------------------------------------


def read(text: str) -> dict[str, str] | None:
    """What snmptrapd told its handler: host, address, then a variable a line; None for a trap of
    another kind."""
    values: dict[str, str] = {}
    for line in text.splitlines()[2:]:
        name, _, value = line.partition(" ")
        values[name] = value.strip()
    kind = values.get(_TRAP, "").lstrip(".")
    if kind not in (RAISED, CLEARED):
        return None
    told = {
        name: _text(values.get(f".{_ARC}.1.{number}", ""))
        for number, name in enumerate(VARIABLES, start=1)
    }
    return {**told, "cleared": "yes" if kind == CLEARED else ""}


def _text(value: str) -> str:
    """A string as snmptrapd prints it: quoted, or in hexadecimal when it is not ASCII."""
    found = _HEX.fullmatch(value)
    if found and " " in value.strip('" '):
        return bytes.fromhex(found[1]).decode("utf-8", "replace").rstrip("\x00")
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return value


def keep(folder: Path, told: Mapping[str, str]) -> Path:
    """A trap as a file: what is written here is not lost."""
    path = folder / "spool" / f"{uuid7()}.json"
    write_private(path, json.dumps({**told, "at": datetime.now(UTC).isoformat()}))
    return path


def deliver(folder: Path) -> int:
    """Report what lies in the spool, oldest first; how many. One handler at a time."""
    from kaitong.assurance.services import report_alarm
    from kaitong.org.actor import Actor

    done = 0
    with (folder / "deliver.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for path in sorted((folder / "spool").glob("*.json")):
            told = json.loads(path.read_text())
            report_alarm(
                Actor.system(),
                source="snmp",
                source_id=told["alarm"],
                element=told["element"],
                component=told["component"] or None,
                kind=told["kind"],
                severity=told["severity"],
                at=datetime.fromisoformat(told["at"]),
                cleared=bool(told["cleared"]),
                text=told["text"],
            )
            path.unlink()
            done += 1
    return done


def main() -> int:
    folder = Path(sys.argv[1])
    told = read(sys.stdin.read(_LONGEST))
    if told is None or not told["alarm"] or not told["element"]:
        return 0
    keep(folder, told)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kaitong.settings.base")
    import django
    from django.db import DatabaseError

    django.setup()
    try:
        deliver(folder)
    except DatabaseError as error:
        print(f"kept for later: {type(error).__name__}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
