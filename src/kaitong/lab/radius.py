"""FreeRADIUS with a PostgreSQL of its own: the AAA server of the lab's home broadband.

    KAITONG_HOME/lab/radius.json      host, ports, secrets; made once
    KAITONG_HOME/lab/radius/postgres  the AAA database's cluster
    KAITONG_HOME/lab/radius/server    FreeRADIUS: conf, log, run

Started by root it runs as `freerad`, PostgreSQL as `postgres`.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import psycopg

from kaitong.activation.adapters.wire import RadiusClient
from kaitong.core.privileges import Runner, runner
from kaitong.lab.daemon import Daemon
from kaitong.lab.element import ElementLab, ensure_role
from kaitong.lab.errors import LabError, LabMissing
from kaitong.lab.state import (
    RadiusSettings,
    free_radius_ports,
    free_udp_port,
    has_address,
    locked,
    udp_port_is_free,
    write_private,
)

PACKAGES = ("freeradius", "freeradius-postgresql", "freeradius-utils")
_LIBRARIES = ("/usr/lib/freeradius", "/usr/lib64/freeradius", "/usr/local/lib/freeradius")
_DRIVER = "rlm_sql_postgresql.so"
_TEMPLATES = (
    "radiusd.conf",
    "modules.conf",
    "queries.conf",
    "policy.conf",
    "site.conf",
    "access_reject",
)
_MARK = re.compile(r"@([A-Z_]+)@")
_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Programs:
    """The machine's FreeRADIUS."""

    server: str
    client: str  # radclient
    libraries: str


def find_programs() -> Programs:
    """FreeRADIUS, its PostgreSQL driver and radclient; LabMissing names the packages to install."""
    folders = ("/usr/sbin", "/usr/local/sbin", "/usr/bin")
    server = next(
        (
            path
            for name in ("freeradius", "radiusd")
            for path in (shutil.which(name), *(shutil.which(name, path=f) for f in folders))
            if path
        ),
        None,
    )
    client = shutil.which("radclient")
    libraries = next((f for f in _LIBRARIES if (Path(f) / _DRIVER).exists()), None)
    if not (server and client and libraries):
        raise LabMissing(
            "FreeRADIUS is not installed here.",
            f"On Debian: apt-get install --no-install-recommends {' '.join(PACKAGES)}",
        )
    return Programs(server, client, libraries)


@dataclass(frozen=True, slots=True)
class Status:
    """Where an element is and whether it answers."""

    settings: RadiusSettings
    running: bool
    database_running: bool


class RadiusLab(ElementLab):
    """The lab's AAA server. `up` and `down` may be called again, and by two commands at once."""

    NAME = "radius"

    def __init__(self, home: Path | None = None) -> None:
        super().__init__(home)
        # the access server beside it, that can be asked to end sessions
        self.nas_folder = self.folder / "nas"
        self.nas = Daemon(self.nas_folder / "process.json")

    # ---- life -----------------------------------------------------------------------------------

    def up(self) -> Status:
        """Start what does not run, wait until the server answers a Status-Server request."""
        self.settings()
        programs = find_programs()
        with locked(self.home):
            settings = self._database(RadiusSettings.ensure(self.home))
            run = self._folders()
            changed = self._configure(settings, programs, run)
            if self.daemon.pid() is not None and not changed and self._answers(settings):
                settings = self._access_server(settings)
                return Status(settings, running=True, database_running=True)
            self.daemon.stop()
            if not (udp_port_is_free(settings.auth_port) and udp_port_is_free(settings.acct_port)):
                settings = settings.with_ports(*free_radius_ports())
                settings.save(self.home)
                self._configure(settings, programs, run)
            self._start(settings, programs, run)
            settings = self._access_server(settings)
            return Status(settings, running=True, database_running=True)

    def down(self) -> bool:
        """End what `up` started, and nothing else. True when something ran."""
        with locked(self.home):
            ended = self.nas.stop()
        return super().down() or ended

    def status(self) -> Status | None:
        """None when the lab was never set up."""
        settings = RadiusSettings.load(self.home)
        if settings is None:
            return None
        running = self.daemon.pid() is not None and self._answers(settings)
        return Status(settings, running, self.cluster.running())

    def serve_line(self, host: str, nas: str) -> Status:
        """Answer the PPPoE access server at `nas` too, on the address it reaches this machine by;
        nobody any more when both are empty."""
        with locked(self.home):
            settings = RadiusSettings.ensure(self.home).with_line(host, nas)
            settings.save(self.home)
        return self.up()

    def settings(self) -> RadiusSettings:
        """Where the server is, or will be: made once, also before FreeRADIUS is installed."""
        with locked(self.home):
            return RadiusSettings.ensure(self.home)

    def dsn(self) -> str:
        """The AAA database, as the server's own role."""
        settings = self.settings()
        return self.cluster.dsn(settings.database, settings.server_role, settings.server_password)

    # ---- inside ---------------------------------------------------------------------------------

    def _database(self, settings: RadiusSettings) -> RadiusSettings:
        """The cluster, its two roles, the database and its tables."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        self.cluster.start()
        if settings.database_port != self.cluster.port:
            settings = settings.with_database_port(self.cluster.port)
            settings.save(self.home)
        self.cluster.ensure_database(settings.database)
        with psycopg.connect(self.cluster.dsn(settings.database), connect_timeout=5) as admin:
            for role, password in (
                (settings.server_role, settings.server_password),
                (settings.oss_role, settings.oss_password),
            ):
                ensure_role(admin, role, password)
            schema = files("kaitong.lab").joinpath("schema.sql").read_text()
            admin.execute(
                schema.replace("@SERVER_ROLE@", settings.server_role)
                .replace("@OSS_ROLE@", settings.oss_role)
                .encode()
            )
        return settings

    def _access_server(self, settings: RadiusSettings) -> RadiusSettings:
        """The access server runs; it is told where by the settings, which may get a port here."""
        if self.nas.pid() is not None:
            return settings
        if not settings.dynauth_port or not udp_port_is_free(settings.dynauth_port):
            settings = settings.with_dynauth_port(free_udp_port())
            settings.save(self.home)
        self.nas_folder.mkdir(exist_ok=True)
        self.nas_folder.chmod(0o700)
        log = self.nas_folder / "output.log"
        self.nas.start([sys.executable, "-m", "kaitong.lab.nas", str(self.home)], log)
        deadline = time.monotonic() + _START_SECONDS
        while udp_port_is_free(settings.dynauth_port):
            if self.nas.pid() is None or time.monotonic() > deadline:
                self.nas.stop()
                raise LabError("The lab's access server did not start.", f"See {log}.")
            time.sleep(0.05)
        return settings

    def _folders(self) -> Runner:
        """The server's folders, owned by the user it runs as."""
        run = runner(["freerad"], [self.server_folder])
        self.server_folder.mkdir(exist_ok=True)
        self.server_folder.chmod(0o711)
        for name in ("conf", "log", "run"):
            folder = self.server_folder / name
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
            run.own(folder)
        return run

    def _configure(self, settings: RadiusSettings, programs: Programs, run: Runner) -> bool:
        """Write the configuration; True when it is another than before."""
        values = {
            "FOLDER": str(self.server_folder),
            "LIBRARIES": programs.libraries,
            "HOST": settings.host,
            "SECRET": settings.secret,
            "AUTH_PORT": str(settings.auth_port),
            "ACCT_PORT": str(settings.acct_port),
            "DB_HOST": settings.host,
            "DB_PORT": str(settings.database_port),
            "DB_NAME": settings.database,
            "DB_USER": settings.server_role,
            "DB_PASSWORD": settings.server_password,
            "LINE_LISTEN": "",
            "LINE_CLIENT": "",
        }
        if settings.line_host and has_address(settings.line_host):
            values["LINE_LISTEN"] = "\n".join(
                f"\tlisten {{\n\t\ttype = {kind}\n\t\tipaddr = {settings.line_host}\n"
                f"\t\tport = {port}\n\t}}\n"
                for kind, port in (("auth", settings.auth_port), ("acct", settings.acct_port))
            )
            # pppd's RADIUS client cannot sign its requests; its network is this machine's alone
            values["LINE_CLIENT"] = (
                f'client pppoe {{\n\tipaddr = {settings.line_nas}\n\tsecret = "{settings.secret}"\n'
                "\trequire_message_authenticator = no\n\tnas_type = other\n}\n"
            )
        changed = False
        for name in _TEMPLATES:
            template = files("kaitong.lab").joinpath("freeradius", name).read_text()
            text = _MARK.sub(lambda match: values[match[1]], template)
            target = self.server_folder / "conf" / name
            if not target.exists() or target.read_text() != text:
                write_private(target, text)
                changed = True
            run.own(target)
        return changed

    def _start(self, settings: RadiusSettings, programs: Programs, run: Runner) -> None:
        output = self.server_folder / "log" / "output.log"
        marks = {path: path.stat().st_size for path in self._logs() if path.exists()}
        argv = [programs.server, "-f", "-d", str(self.server_folder / "conf"), "-n", "radiusd"]
        self.daemon.start(run.command(argv), output)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers(settings, timeout=0.2):
            if self.daemon.pid() is None or time.monotonic() > deadline:
                self.daemon.stop()
                raise LabError("FreeRADIUS did not start.", self._log_since(marks))
            time.sleep(0.05)

    @staticmethod
    def _answers(settings: RadiusSettings, timeout: float = 1.0) -> bool:
        return RadiusClient(
            settings.host, settings.auth_port, settings.secret, timeout=timeout, attempts=1
        ).answers()

    def _logs(self) -> tuple[Path, Path]:
        folder = self.server_folder / "log"
        return folder / "output.log", folder / "radius.log"

    def _log_since(self, marks: dict[Path, int]) -> str:
        """The end of what the server logged since then, less lines that could hold a secret."""
        lines: list[str] = []
        for path in self._logs():
            if path.exists():
                with path.open(errors="replace") as log:
                    log.seek(marks.get(path, 0))
                    lines += log.read().splitlines()[-12:]
        kept = [line for line in lines if not re.search(r"secret|password", line, re.IGNORECASE)]
        return f"Its logs in {self.server_folder / 'log'} end:\n" + "\n".join(kept)
