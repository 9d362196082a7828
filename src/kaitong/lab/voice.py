"""Kamailio with a PostgreSQL of its own: the voice platform of the lab's fixed telephones (SIP).

    KAITONG_HOME/lab/voice.json      host, port, secrets; made once
    KAITONG_HOME/lab/voice/postgres  the cluster of its subscribers and registrations
    KAITONG_HOME/lab/voice/server    Kamailio: conf, log, run

It listens by UDP on an unprivileged port of the loopback interface. Started by root it runs as
`kamailio`, PostgreSQL as `postgres`.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from kaitong.activation.adapters.sip import SipClient
from kaitong.core.privileges import Runner, runner
from kaitong.lab.element import ElementLab, ensure_role
from kaitong.lab.errors import LabError, LabMissing
from kaitong.lab.state import (
    HOST,
    free_udp_port,
    locked,
    udp_port_is_free,
    write_private,
)

PACKAGES = ("kamailio", "kamailio-postgres-modules", "sip-tester")
SCHEMA = Path("/usr/share/kamailio/postgres")
_TABLES = ("standard", "auth_db", "usrloc", "avpops", "alias_db")
_LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/kamailio/modules",
    "/usr/lib/aarch64-linux-gnu/kamailio/modules",
    "/usr/lib/kamailio/modules",
    "/usr/lib64/kamailio/modules",
)
# why a number is shut off -> what the registrar answers with 403
BARRED_PHRASES = {
    "request": "Suspended at own request",
    "arrears": "Suspended: bills are unpaid",
    "administrative": "Suspended by the operator",
}
_FILE = "voice.json"
_START_SECONDS = 20.0
_MARK = re.compile(r"@([A-Z_]+)@")

_OWN = """
-- when a terminal first bound: the registrar's own column moves with every refresh
ALTER TABLE location ADD COLUMN IF NOT EXISTS registered_at timestamptz NOT NULL DEFAULT now();
CREATE UNIQUE INDEX IF NOT EXISTS dbaliases_once ON dbaliases (alias_username, alias_domain);
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {server}, {oss};
GRANT SELECT ON version, subscriber, usr_preferences, dbaliases TO {server};
GRANT SELECT, INSERT, UPDATE, DELETE ON location, location_attrs TO {server};
GRANT SELECT, INSERT, UPDATE, DELETE ON subscriber, usr_preferences, dbaliases TO {oss};
GRANT SELECT, DELETE ON location, location_attrs TO {oss};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {server}, {oss};
"""


@dataclass(frozen=True, slots=True)
class Programs:
    """The machine's Kamailio, and the telephone to practise with."""

    server: str
    sipp: str
    libraries: str


def find_programs() -> Programs:
    """Kamailio, its PostgreSQL module and sipp; LabMissing names the packages to install."""
    server = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin")
    sipp = shutil.which("sipp")
    libraries = next((f for f in _LIBRARIES if (Path(f) / "db_postgres.so").exists()), None)
    if not (server and sipp and libraries and (SCHEMA / "usrloc-create.sql").exists()):
        raise LabMissing(
            "Kamailio or sipp is not installed here.",
            f"On Debian: apt-get install --no-install-recommends {' '.join(PACKAGES)}",
        )
    return Programs(server, sipp, libraries)


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """Where the lab's voice platform is and with which secrets."""

    port: int
    oss_password: str = field(repr=False)  # Kaitong's role in the platform's database
    server_password: str = field(repr=False)  # Kamailio's role
    database_port: int = 0  # 0 until the database was started for the first time
    host: str = HOST
    domain: str = "voice.lab"
    country_code: str = "86"
    area_code: str = "0559"
    database: str = "kamailio"
    oss_role: str = "kaitong_oss"
    server_role: str = "kamailio"

    @classmethod
    def load(cls, folder: Path) -> VoiceSettings | None:
        """None when it was never set up here."""
        try:
            return cls(**json.loads((folder / _FILE).read_text()))
        except FileNotFoundError:
            return None

    @classmethod
    def ensure(cls, folder: Path) -> VoiceSettings:
        """Made with a free port and fresh secrets when there are none."""
        found = cls.load(folder)
        if found is None:
            # a password stands in an address of Kamailio's configuration: hexadecimal signs only
            found = cls(free_udp_port(), secrets.token_urlsafe(24), secrets.token_hex(24))
            found.save(folder)
        return found

    def save(self, folder: Path) -> None:
        write_private(folder / _FILE, json.dumps(asdict(self), indent=2) + "\n")

    def connection(self) -> dict[str, Any]:
        """The `connection` of Kaitong's network element: no secrets."""
        return {
            "host": self.host,
            "port": self.port,
            "domain": self.domain,
            "country_code": self.country_code,
            "area_code": self.area_code,
            "barred_phrases": dict(BARRED_PHRASES),
            "database": {
                "host": self.host,
                "port": self.database_port,
                "name": self.database,
                "user": self.oss_role,
            },
        }

    def secrets(self) -> dict[str, str]:
        """The `secrets` of Kaitong's network element."""
        return {"database": self.oss_password}


@dataclass(frozen=True, slots=True)
class VoiceStatus:
    settings: VoiceSettings
    running: bool
    database_running: bool


class VoiceLab(ElementLab):
    """The lab's voice platform. `up` and `down` may be called again, by two commands at once."""

    NAME = "voice"

    # ---- life -----------------------------------------------------------------------------------

    def up(self) -> VoiceStatus:
        """Start what does not run, wait until the registrar answers."""
        self.settings()
        programs = find_programs()
        with locked(self.home):
            settings = self._database(VoiceSettings.ensure(self.home))
            run = self._folders()
            changed = self._configure(settings, programs, run)
            if self.daemon.pid() is None or changed or not _answers(settings):
                self.daemon.stop()
                if not udp_port_is_free(settings.port):
                    settings = replace(settings, port=free_udp_port())
                    settings.save(self.home)
                    self._configure(settings, programs, run)
                self._start(settings, programs, run)
            return VoiceStatus(settings, running=True, database_running=True)

    def status(self) -> VoiceStatus | None:
        """None when the lab was never set up."""
        settings = VoiceSettings.load(self.home)
        if settings is None:
            return None
        running = self.daemon.pid() is not None and _answers(settings)
        return VoiceStatus(settings, running, self.cluster.running())

    def settings(self) -> VoiceSettings:
        """Where the platform is, or will be: made once, also before Kamailio is installed."""
        with locked(self.home):
            return VoiceSettings.ensure(self.home)

    def dsn(self) -> str:
        """The platform's database, as the server's own role."""
        settings = self.settings()
        return self.cluster.dsn(settings.database, settings.server_role, settings.server_password)

    # ---- inside ---------------------------------------------------------------------------------

    def _database(self, settings: VoiceSettings) -> VoiceSettings:
        """The cluster, its two roles, the database and the tables of Kamailio's package."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        self.cluster.start()
        if settings.database_port != self.cluster.port:
            settings = replace(settings, database_port=self.cluster.port)
            settings.save(self.home)
        self.cluster.ensure_database(settings.database)
        with psycopg.connect(self.cluster.dsn(settings.database), connect_timeout=5) as admin:
            for role, password in (
                (settings.server_role, settings.server_password),
                (settings.oss_role, settings.oss_password),
            ):
                ensure_role(admin, role, password)
            there = admin.execute("SELECT to_regclass('public.dbaliases')").fetchone()
            if there is None or there[0] is None:  # the last of them: one transaction for all
                for name in _TABLES:
                    text = (SCHEMA / f"{name}-create.sql").read_text()
                    admin.execute(text.encode())
            admin.execute(
                sql.SQL(_OWN).format(
                    server=sql.Identifier(settings.server_role),
                    oss=sql.Identifier(settings.oss_role),
                )
            )
        return settings

    def _folders(self) -> Runner:
        """The server's folders, owned by the user it runs as."""
        run = runner(["kamailio"], [self.server_folder])
        self.server_folder.mkdir(exist_ok=True)
        self.server_folder.chmod(0o711)
        for name in ("conf", "log", "run"):
            folder = self.server_folder / name
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
            run.own(folder)
        return run

    def _configure(self, settings: VoiceSettings, programs: Programs, run: Runner) -> bool:
        """Write the configuration; True when it is another than before."""
        place = f"{settings.host}:{settings.database_port}/{settings.database}"
        barred = [
            f'        case "{reason}":\n            sl_send_reply("403", "{phrase}");\n'
            "            break;"
            for reason, phrase in BARRED_PHRASES.items()
        ]
        values = {
            "HOST": settings.host,
            "PORT": str(settings.port),
            "DOMAIN": settings.domain,
            "LIBRARIES": programs.libraries,
            "DB_TEXT": f"postgres://{settings.server_role}:{settings.server_password}@{place}",
            "BARRED": "\n".join(barred),
        }
        template = files("kaitong.lab").joinpath("kamailio", "kamailio.cfg").read_text()
        text = _MARK.sub(lambda match: values[match[1]], template)
        target = self.server_folder / "conf" / "kamailio.cfg"
        changed = not target.exists() or target.read_text() != text
        if changed:
            write_private(target, text)
        run.own(target)
        return changed

    def _start(self, settings: VoiceSettings, programs: Programs, run: Runner) -> None:
        log = self.server_folder / "log" / "output.log"
        mark = log.stat().st_size if log.exists() else 0
        argv = [
            "/usr/bin/env", "TZ=UTC", programs.server, "-DD", "-E",
            "-f", str(self.server_folder / "conf" / "kamailio.cfg"),
            "-m", "32", "-M", "4", "-Y", str(self.server_folder / "run"),
        ]  # fmt: skip
        self.daemon.start(run.command(argv), log)
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(settings, timeout=0.3):
            if self.daemon.pid() is None or time.monotonic() > deadline:
                self.daemon.stop()
                raise LabError("Kamailio did not start.", _log_since(log, mark))
            time.sleep(0.05)


def _answers(settings: VoiceSettings, timeout: float = 1.0) -> bool:
    return SipClient(settings.host, settings.port, settings.domain, timeout=timeout).answers()


def _log_since(log: Path, mark: int) -> str:
    """The end of what the server logged since then, less lines that could hold a secret."""
    with log.open(errors="replace") as text:
        text.seek(mark)
        lines = text.read().splitlines()[-12:]
    kept = [line for line in lines if not re.search(r"postgres://|password", line, re.IGNORECASE)]
    return f"Its log {log} ends:\n" + "\n".join(kept)
