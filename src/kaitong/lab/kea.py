"""Kea DHCPv4 with a PostgreSQL of its own: the DHCP server of the lab's television (IPoE).

    KAITONG_HOME/lab/iptv.json      host, ports, secrets; made once
    KAITONG_HOME/lab/iptv/postgres  the cluster of Kea's hosts and lease database
    KAITONG_HOME/lab/iptv/server    Kea: conf, log, run
    KAITONG_HOME/lab/iptv/boxes     set-top boxes that are on (lab.stb)

Where Kea's control agent is installed it runs beside the server, with its lease commands: the other
way to end a lease (`cut: commands` of the element).

It listens by UDP on an unprivileged port of the loopback interface, where relays send to: neither
root nor a network of its own is needed. Started by root it runs as `_kea`.
"""

from __future__ import annotations

import glob
import json
import re
import secrets
import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from kaitong.activation.adapters.dhcpwire import DhcpClient
from kaitong.core.privileges import Runner, runner
from kaitong.lab.daemon import Daemon
from kaitong.lab.element import ElementLab, ensure_role
from kaitong.lab.errors import LabError, LabMissing
from kaitong.lab.state import (
    BARRED_GROUPS,
    HOST,
    free_udp_port,
    locked,
    udp_port_is_free,
    write_private,
)

PACKAGES = ("kea-dhcp4-server", "kea-admin")
AGENT_PACKAGE = "kea-ctrl-agent"
HOOKS = "/usr/lib/*/kea/hooks/libdhcp_lease_cmds.so"
CONTROL_USER = "kaitong"
_LONGEST_SOCKET = 100  # octets of a socket's path
SCHEMA = Path("/usr/share/kea/scripts/pgsql/dhcpdb_create.pgsql")
OPEN_CLASS = "iptv"
RICH_CLASS = "iptv-4k"  # the package of the richer plan: addresses of its own
NETWORK = "100.65.0.0/16"  # of the carrier's shared range (RFC 6598)
ROUTER = "100.65.0.1"
POOL = "100.65.1.0 - 100.65.199.254"
RICH_POOL = "100.65.200.0 - 100.65.254.254"
LEASE_SECONDS = (
    60  # asked for again after a third; short, so that a box soon hears that it is shut off
)
_FILE = "iptv.json"
_START_SECONDS = 20.0
_RECONNECT_MS = 500

# Kaitong's role: reservations, and the end of leases; deleting one counts in lease4_stat
GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON hosts TO {0};
GRANT SELECT, DELETE ON lease4 TO {0};
GRANT SELECT, INSERT, UPDATE ON lease4_stat TO {0};
GRANT USAGE ON SEQUENCE hosts_host_id_seq TO {0};
"""


def find_program() -> str:
    """kea-dhcp4 and the script of its tables; LabMissing names the packages to install."""
    found = shutil.which("kea-dhcp4") or shutil.which("kea-dhcp4", path="/usr/sbin:/usr/local/sbin")
    if not found or not SCHEMA.exists():
        raise LabMissing(
            "Kea's DHCPv4 server is not installed here.",
            f"On Debian: apt-get install --no-install-recommends {' '.join(PACKAGES)}",
        )
    return found


@dataclass(frozen=True, slots=True)
class KeaSettings:
    """Where the lab's DHCP server is and with which secrets."""

    port: int
    oss_password: str = field(repr=False)  # Kaitong's role in Kea's database
    server_password: str = field(repr=False)  # Kea's role
    database_port: int = 0  # 0 until the database was started for the first time
    host: str = HOST
    relay: str = HOST  # what relays of the lab call themselves
    database: str = "kea"
    oss_role: str = "kaitong_oss"
    server_role: str = "kea"
    control_port: int = 0  # of the control agent, 0 without one
    control_password: str = field(default="", repr=False)
    lease_seconds: int = LEASE_SECONDS

    @classmethod
    def load(cls, folder: Path) -> KeaSettings | None:
        """None when it was never set up here."""
        try:
            return cls(**json.loads((folder / _FILE).read_text()))
        except FileNotFoundError:
            return None

    @classmethod
    def ensure(cls, folder: Path) -> KeaSettings:
        """Made with a free port and fresh secrets at first. The caller holds the lab's lock."""
        found = cls.load(folder)
        if found is None:
            found = cls(free_udp_port(), secrets.token_urlsafe(24), secrets.token_urlsafe(24))
            found.save(folder)
        return found

    def save(self, folder: Path) -> None:
        write_private(folder / _FILE, json.dumps(asdict(self), indent=2) + "\n")

    def connection(self) -> dict[str, Any]:
        """The `connection` of Kaitong's network element: no secrets."""
        return {
            "host": self.host,
            "port": self.port,
            "relay": self.relay,
            "client_class": OPEN_CLASS,
            "barred_classes": dict(BARRED_GROUPS),
            "lease_seconds": self.lease_seconds,
            "cut": "database",
            **(
                {
                    "control": {
                        "url": f"http://{self.host}:{self.control_port}/",
                        "user": CONTROL_USER,
                    }
                }
                if self.control_port
                else {}
            ),
            "database": {
                "host": self.host,
                "port": self.database_port,
                "name": self.database,
                "user": self.oss_role,
            },
        }

    def secrets(self) -> dict[str, str]:
        """The `secrets` of Kaitong's network element."""
        control = {"control": self.control_password} if self.control_port else {}
        return {"database": self.oss_password, **control}


class KeaLab(ElementLab):
    """The lab's DHCP server. `up` and `down` may be called again, and by two commands at once."""

    NAME = "iptv"

    def __init__(self, home: Path | None = None) -> None:
        super().__init__(home)
        self.agent = Daemon(self.server_folder / "agent.json")

    # ---- life -----------------------------------------------------------------------------------

    def up(self) -> KeaSettings:
        """Start what does not run, wait until the server answers a question."""
        program = find_program()
        with locked(self.home):
            settings = self._database(KeaSettings.ensure(self.home))
            run = self._folders()
            settings = self._with_control(settings)
            changed = self._configure(settings, run)
            self._agent(settings, run)
            if self.daemon.pid() is not None and not changed and self._answers(settings):
                return settings
            self.daemon.stop()
            if not udp_port_is_free(settings.port):
                settings = replace(settings, port=free_udp_port())
                settings.save(self.home)
            self._start(settings, program, run)
            return settings

    def down(self) -> bool:
        ended = self.agent.stop()
        return super().down() or ended

    def running(self) -> bool:
        """Whether it answers."""
        settings = self.settings()
        return settings is not None and self.daemon.pid() is not None and self._answers(settings)

    def settings(self) -> KeaSettings | None:
        """None when it was never set up here."""
        return KeaSettings.load(self.home)

    def prepare(self) -> KeaSettings:
        """Where the server is, or will be: made once, also before Kea is installed."""
        with locked(self.home):
            return KeaSettings.ensure(self.home)

    def dsn(self) -> str:
        """Kea's database, as the server's own role."""
        settings = self.prepare()
        return self.cluster.dsn(settings.database, settings.server_role, settings.server_password)

    def client(self) -> DhcpClient:
        """A box behind a relay, at this server."""
        settings = self.settings()
        if settings is None:
            raise LabError("There is no DHCP server here.", "Start it: ./run lab up iptv")
        return DhcpClient(settings.host, settings.port, settings.relay)

    # ---- inside ---------------------------------------------------------------------------------

    def _database(self, settings: KeaSettings) -> KeaSettings:
        """The cluster, its two roles, the database, and Kea's own tables in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        self.cluster.start()
        if settings.database_port != self.cluster.port:
            settings = replace(settings, database_port=self.cluster.port)
            settings.save(self.home)
        self.cluster.ensure_database(
            settings.database, owner=settings.server_role, password=settings.server_password
        )
        with psycopg.connect(self.cluster.dsn(), autocommit=True, connect_timeout=5) as admin:
            ensure_role(admin, settings.oss_role, settings.oss_password)
        dsn = self.cluster.dsn(settings.database, settings.server_role, settings.server_password)
        with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as server:
            made = server.execute("SELECT to_regclass('schema_version')").fetchone()
            if not made or made[0] is None:
                server.execute(SCHEMA.read_bytes())  # one transaction of its own
            server.execute(sql.SQL(GRANTS).format(sql.Identifier(settings.oss_role)))
        return settings

    def _with_control(self, settings: KeaSettings) -> KeaSettings:
        """With a port and a password for the control agent, where there is one."""
        able = _agent_program() and lease_commands() and self._socket() is not None
        if bool(able) == bool(settings.control_port):
            return settings
        settings = replace(
            settings,
            control_port=free_udp_port() if able else 0,
            control_password=secrets.token_urlsafe(24) if able else "",
        )
        settings.save(self.home)
        return settings

    def _socket(self) -> Path | None:
        """Where the agent and its server speak; None below folders too deep for a socket."""
        path = self.server_folder / "run" / "control"
        return path if len(str(path)) <= _LONGEST_SOCKET else None

    def _agent(self, settings: KeaSettings, run: Runner) -> None:
        """The control agent runs, as it is configured."""
        program, socket = _agent_program(), self._socket()
        if not settings.control_port or program is None or socket is None:
            self.agent.stop()
            return
        target = self.server_folder / "conf" / "kea-ctrl-agent.json"
        text = json.dumps(agent_configuration(settings, socket), indent=2) + "\n"
        if self.agent.pid() is not None and target.exists() and target.read_text() == text:
            return
        self.agent.stop()
        write_private(target, text)
        run.own(target)
        own = self.server_folder / "run"
        argv = [
            "env",
            f"KEA_PIDFILE_DIR={own}",
            f"KEA_LOCKFILE_DIR={own}",
            program,
            "-c",
            str(target),
        ]
        self.agent.start(run.command(argv), self.server_folder / "log" / "agent.log")

    def _folders(self) -> Runner:
        """The server's folders, owned by the user it runs as."""
        run = runner(["_kea"], [self.server_folder])
        self.server_folder.mkdir(exist_ok=True)
        self.server_folder.chmod(0o711)
        for name in ("conf", "log", "run"):
            folder = self.server_folder / name
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
            run.own(folder)
        return run

    def _configure(self, settings: KeaSettings, run: Runner) -> bool:
        """Write the configuration; True when it is another than before."""
        target = self.server_folder / "conf" / "kea-dhcp4.json"
        socket = self._socket() if settings.control_port else None
        text = json.dumps(configuration(settings, self.server_folder, socket), indent=2) + "\n"
        changed = not target.exists() or target.read_text() != text
        if changed:
            write_private(target, text)
        run.own(target)
        return changed

    def _start(self, settings: KeaSettings, program: str, run: Runner) -> None:
        log = self.server_folder / "log" / "output.log"
        own = self.server_folder / "run"
        for left in own.glob("*.pid"):  # of one that was killed: its number may be another's now
            left.unlink()
        argv = [
            # Kea tells the database times in its own zone; the database's is UTC
            "env", "TZ=UTC", f"KEA_PIDFILE_DIR={own}", f"KEA_LOCKFILE_DIR={own}",
            program, "-c", str(self.server_folder / "conf" / "kea-dhcp4.json"),
            "-p", str(settings.port),
        ]  # fmt: skip
        self.daemon.start(run.command(argv), log)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers(settings, timeout=0.3):
            if self.daemon.pid() is None or time.monotonic() > deadline:
                self.daemon.stop()
                raise LabError("Kea did not start.", self._log_tail())
            time.sleep(0.05)

    @staticmethod
    def _answers(settings: KeaSettings, timeout: float = 1.5) -> bool:
        return DhcpClient(
            settings.host, settings.port, settings.relay, timeout=timeout, attempts=1
        ).answers()

    def _log_tail(self) -> str:
        """The ends of its logs, less lines that could hold a secret."""
        lines: list[str] = []
        for name in ("output.log", "kea.log"):
            path = self.server_folder / "log" / name
            if path.exists():
                lines += path.read_text(errors="replace").splitlines()[-8:]
        kept = [line for line in lines if not re.search(r"secret|password", line, re.IGNORECASE)]
        return f"Its logs in {self.server_folder / 'log'} end:\n" + "\n".join(kept)


def lease_commands() -> str | None:
    """Kea's hook with the commands for leases, None where it is not installed."""
    return next(iter(sorted(glob.glob(HOOKS))), None)


def _agent_program() -> str | None:
    return shutil.which("kea-ctrl-agent") or shutil.which(
        "kea-ctrl-agent", path="/usr/sbin:/usr/local/sbin"
    )


def agent_configuration(settings: KeaSettings, socket: Path) -> dict[str, Any]:
    """Only who knows the password may give commands, and only from this machine."""
    return {
        "Control-agent": {
            "http-host": settings.host,
            "http-port": settings.control_port,
            "authentication": {
                "type": "basic",
                "realm": "kaitong",
                "clients": [{"user": CONTROL_USER, "password": settings.control_password}],
            },
            "control-sockets": {"dhcp4": {"socket-type": "unix", "socket-name": str(socket)}},
        }
    }


def configuration(
    settings: KeaSettings, folder: Path, socket: Path | None = None
) -> dict[str, Any]:
    """Kea's configuration. Only lines with a reservation are served: the pool's class is given by
    those alone. A suspended line has a class no pool is open to, which tells its name to who asks
    (INFORM). Authoritative: a box that renews what it may no longer have is told no."""
    database = {
        "type": "postgresql",
        "host": settings.host,
        "port": settings.database_port,
        "name": settings.database,
        "user": settings.server_role,
        "password": settings.server_password,
        # while the database is away it is silent (and no refusal is heard), and looks for it again
        "max-reconnect-tries": 1_000_000,
        "reconnect-wait-time": _RECONNECT_MS,
        "on-fail": "stop-retry-exit",
    }
    barred = [
        {"name": name, "option-data": [{"name": "dhcp-message", "data": name}]}
        for name in BARRED_GROUPS.values()
    ]
    control = {
        "control-socket": {"socket-type": "unix", "socket-name": str(socket)},
        "hooks-libraries": [{"library": lease_commands()}],
    }
    return {
        "Dhcp4": {
            **(control if socket is not None else {}),
            "interfaces-config": {
                "interfaces": ["lo"],
                "dhcp-socket-type": "udp",
                "re-detect": False,
            },
            "lease-database": database,
            "hosts-database": database,
            "host-reservation-identifiers": ["circuit-id"],
            "reservations-global": True,
            "reservations-in-subnet": False,
            "store-extended-info": True,
            "authoritative": True,
            "match-client-id": False,
            "ddns-send-updates": False,
            "valid-lifetime": settings.lease_seconds,
            "renew-timer": settings.lease_seconds // 3,
            "rebind-timer": settings.lease_seconds * 3 // 4,
            "client-classes": [{"name": OPEN_CLASS}, {"name": RICH_CLASS}, *barred],
            "subnet4": [
                {
                    "id": 1,
                    "subnet": NETWORK,
                    "relay": {"ip-addresses": [settings.relay]},
                    "pools": [
                        {"pool": POOL, "client-class": OPEN_CLASS},
                        {"pool": RICH_POOL, "client-class": RICH_CLASS},
                    ],
                    "option-data": [{"name": "routers", "data": ROUTER}],
                }
            ],
            "loggers": [
                {
                    "name": "kea-dhcp4",
                    "severity": "WARN",
                    "output_options": [
                        {
                            "output": str(folder / "log" / "kea.log"),
                            "maxsize": 2_000_000,
                            "maxver": 2,
                        }
                    ],
                }
            ],
        }
    }
