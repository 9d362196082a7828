"""A platform to practise with, as the lab keeps it: its own process, in its own folder."""

from __future__ import annotations

import json
import secrets
import socket
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from kaitong.lab.daemon import Daemon
from kaitong.lab.errors import LabError
from kaitong.lab.state import HOST, lab_folder, locked, write_private

_START_SECONDS = 10.0


@dataclass(frozen=True)
class PracticeSettings:
    """Where a platform is and its shared secret; `NAME.json` in its folder."""

    port: int
    secret: str = field(repr=False)
    host: str = HOST

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


S = TypeVar("S", bound=PracticeSettings)


class PracticeLab(Generic[S]):
    """Its life. `up` and `down` may be called again, and by two commands at once."""

    name: ClassVar[str]  # of its folder and its file of settings
    what: ClassVar[str]  # as a failure to start calls it
    module: ClassVar[str]  # what `python -m` serves, given the folder
    kind: type[S]

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or lab_folder()
        self.folder = self.home / self.name
        self.daemon = Daemon(self.folder / "process.json")

    def settings(self) -> S | None:
        """None when it was never started here."""
        try:
            return self.kind(**json.loads((self.folder / f"{self.name}.json").read_text()))
        except FileNotFoundError:
            return None

    def running(self) -> bool:
        settings = self.settings()
        return settings is not None and self.daemon.pid() is not None and _answers(settings)

    def up(self) -> S:
        """Start it if it does not run, wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        with locked(self.home):
            settings = self.settings()
            if settings is not None and self.daemon.pid() is not None and _answers(settings):
                return settings
            self.daemon.stop()
            if settings is None or not _free(settings.port):
                secret = settings.secret if settings else secrets.token_urlsafe(24)
                settings = self.kind(_free_port(), secret)
                place = self.folder / f"{self.name}.json"
                write_private(place, json.dumps(asdict(settings)) + "\n")
            argv = [sys.executable, "-m", self.module, str(self.folder)]
            self.daemon.start(argv, self.folder / "output.log")
            deadline = time.monotonic() + _START_SECONDS
            while not _answers(settings):
                if self.daemon.pid() is None or time.monotonic() > deadline:
                    self.daemon.stop()
                    log = self.folder / "output.log"
                    raise LabError(f"The {self.what} did not start.", f"See {log}.")
                time.sleep(0.05)
            return settings

    def down(self) -> bool:
        """End what `up` started, and nothing else. True when something ran."""
        if not self.folder.exists():
            return False
        with locked(self.home):
            return self.daemon.stop()


def _answers(settings: PracticeSettings) -> bool:
    try:
        urllib.request.urlopen(f"{settings.url}/", timeout=1).close()  # noqa: S310 - loopback
    except (urllib.error.URLError, TimeoutError, ConnectionError, OSError):
        return False
    return True


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
