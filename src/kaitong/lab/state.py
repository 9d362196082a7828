"""The lab's folder: settings made once, a lock, and files written whole."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import secrets
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from kaitong.activation.nasport import DEFAULT_PATTERN
from kaitong.core.home import home
from kaitong.lab.errors import LabError

_FORMAT = 1
# why an account is shut off -> the group that refuses it, and says so (schema.sql makes them)
BARRED_GROUPS = {
    "request": "suspended",
    "arrears": "suspended-arrears",
    "administrative": "suspended-admin",
}
_FILE = "radius.json"
HOST = "127.0.0.1"
# below the range from which Linux takes ports for outgoing connections
_PORTS = range(20000, 32000, 2)


def lab_folder() -> Path:
    """`KAITONG_HOME/lab`, passable (not readable) for the users the servers run as."""
    folder = home() / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    return folder


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One command at a time changes the lab in this folder."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_private(path: Path, content: str) -> None:
    """Replace a file in one go, readable by its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)


def udp_port_is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def has_address(address: str) -> bool:
    """Whether this machine has an address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def free_udp_port() -> int:
    for port in random.sample(_PORTS, 200):
        if udp_port_is_free(port):
            return port
    raise LabError("No free UDP port was found on the loopback interface.")


def free_radius_ports() -> tuple[int, int]:
    """Two neighbouring free UDP ports, for authentication and accounting."""
    for port in random.sample(_PORTS, 200):
        if udp_port_is_free(port) and udp_port_is_free(port + 1):
            return port, port + 1
    raise LabError("No free UDP ports were found on the loopback interface.")


@dataclass(frozen=True, slots=True)
class RadiusSettings:
    """Where the lab's AAA server is and with which secrets; `radius.json` in the lab folder."""

    auth_port: int
    acct_port: int
    secret: str = field(repr=False)
    oss_password: str = field(repr=False)  # Kaitong's role in the AAA database
    server_password: str = field(repr=False)  # FreeRADIUS's role
    database_port: int = 0  # 0 until the database was started for the first time
    host: str = HOST
    nas_address: str = "10.99.0.1"  # what the lab's access server calls itself
    nas_port_pattern: str = DEFAULT_PATTERN
    database: str = "radius"
    oss_role: str = "kaitong_oss"
    server_role: str = "radius"
    dynauth_port: int = 0  # where the access server takes requests about its sessions
    line_host: str = ""  # this machine as the PPPoE access server sees it, while there is one
    line_nas: str = ""  # that access server
    format: int = _FORMAT

    @classmethod
    def load(cls, folder: Path) -> RadiusSettings | None:
        """The settings kept in a lab folder, or None when the lab was never set up."""
        path = folder / _FILE
        try:
            facts = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        if facts.get("format") != _FORMAT:
            raise LabError(f"{path} is of another format.", "Move the lab folder away.")
        return cls(**facts)

    @classmethod
    def ensure(cls, folder: Path) -> RadiusSettings:
        """The settings; made with free ports and fresh secrets when there are none.

        Works before FreeRADIUS is installed. The caller holds the lab's lock.
        """
        found = cls.load(folder)
        if found is None:
            auth, acct = free_radius_ports()
            found = cls(
                auth_port=auth,
                acct_port=acct,
                secret=secrets.token_urlsafe(24),
                oss_password=secrets.token_urlsafe(24),
                server_password=secrets.token_urlsafe(24),
            )
            found.save(folder)
        return found

    def with_ports(self, auth_port: int, acct_port: int) -> RadiusSettings:
        return replace(self, auth_port=auth_port, acct_port=acct_port)

    def with_dynauth_port(self, port: int) -> RadiusSettings:
        return replace(self, dynauth_port=port)

    def with_line(self, host: str, nas: str) -> RadiusSettings:
        return replace(self, line_host=host, line_nas=nas)

    def with_database_port(self, port: int) -> RadiusSettings:
        return replace(self, database_port=port)

    def save(self, folder: Path) -> None:
        write_private(folder / _FILE, json.dumps(asdict(self), indent=2) + "\n")

    def connection(self) -> dict[str, Any]:
        """The `connection` of Kaitong's network element: no secrets."""
        return {
            "host": self.host,
            "auth_port": self.auth_port,
            "acct_port": self.acct_port,
            "nas_port_pattern": self.nas_port_pattern,
            "barred_group": "suspended",
            "barred_groups": dict(BARRED_GROUPS),
            "access_servers": {self.nas_address: {"host": self.host, "port": self.dynauth_port}}
            if self.dynauth_port
            else {},
            "database": {
                "host": self.host,
                "port": self.database_port,
                "name": self.database,
                "user": self.oss_role,
            },
        }

    def secrets(self) -> dict[str, str]:
        """The `secrets` of Kaitong's network element."""
        return {"radius": self.secret, "database": self.oss_password}
