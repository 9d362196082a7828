"""A real line: a PPPoE access server in a user-mode kernel, and customers' modems dialling in.

The kernel of this machine need not know PPP; Debian's `user-mode-linux` is one that does, run as an
ordinary process. It sees this machine's files read-only, has one network card (a TAP device with a
network of its own, two addresses), and runs what `lab.bng` says: pppd for access server and modems,
authenticated and accounted by the lab's FreeRADIUS, rates by tc, RFC 5176 beside it.

    KAITONG_HOME/lab/line/line.json      addresses, ports, secrets; made once
    KAITONG_HOME/lab/line/conf, log      what the kernel reads and writes
    KAITONG_HOME/lab/line/process.json   the kernel's process
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import kaitong
from kaitong.lab.daemon import Daemon
from kaitong.lab.errors import LabError, LabMissing
from kaitong.lab.radius import RadiusLab
from kaitong.lab.state import RadiusSettings, has_address, lab_folder, locked, write_private

PACKAGES = ("user-mode-linux", "kmod", "ppp", "pppoe", "iperf3", "iproute2", "busybox")
PLANS = (8, 20)  # Mbit/s down: small enough for a user-mode kernel to shape exactly
_PROGRAMS = ("linux.uml", "modprobe", "pppd", "pppoe-server", "iperf3", "ip", "tc", "busybox")
_MODULES = Path("/usr/lib/uml/modules")
_FILES = ("init.sh", "shape.sh", "ip-up.sh", "ip-down.sh", "server-options", "radiusclient.conf",
          "dictionary")  # fmt: skip
_MARK = re.compile(r"@([A-Z_]+)@")
_BOOT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Where the access server is; `line.json` in its folder."""

    device: str  # the TAP device
    host: str  # this machine, as the access server sees it
    nas: str  # the access server
    secret: str = field(repr=False)  # shared with the AAA server and whoever asks about sessions
    token: str = field(repr=False)  # for orders to the agent
    port: int = 7000
    gateway: str = "100.64.0.1"  # the access server, as the modems see it
    pool: str = "100.64.0.100"  # their first address


def missing() -> str:
    """What this machine lacks for a line; "" when nothing."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    absent = [name for name in _PROGRAMS if not shutil.which(name, path=path)]
    if absent or not _MODULES.is_dir():
        return (
            f"programs of the line are not installed here ({', '.join(absent) or _MODULES});"
            f" on Debian: apt-get install --no-install-recommends {' '.join(PACKAGES)}"
        )
    if os.geteuid() != 0:
        return "only root may make the network device of the line (run it as root)"
    try:
        with open("/dev/net/tun", "rb"):
            pass
    except OSError as error:
        return (
            f"/dev/net/tun cannot be opened ({error.strerror}): the container needs the TUN device"
        )
    return ""


class LineLab:
    """The lab's line. `up` and `down` may be called again, and by two commands at once."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or lab_folder()
        self.folder = self.home / "line"
        self.daemon = Daemon(self.folder / "process.json")
        self.radius = RadiusLab(self.home)

    # ---- life -----------------------------------------------------------------------------------

    def up(self) -> LineSettings:
        """Start FreeRADIUS and the access server; wait until both answer."""
        why = missing()
        if why:
            raise LabMissing("There is no line here.", why)
        self.radius.up()
        with locked(self.home):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            settings = self.settings() or self._new_settings()
            if self.daemon.pid() is not None and self._ready(settings):
                standing = True
            else:
                standing = False
                self._end(settings)
                self._network(settings)
        if not standing:
            status = self.radius.serve_line(settings.host, settings.nas)
            with locked(self.home):
                self._boot(settings, status.settings)
        return settings

    def down(self) -> bool:
        """End what `up` started, and nothing else; FreeRADIUS runs on. True when something ran."""
        with locked(self.home):
            settings = self.settings()
            if settings is None:
                return False
            ended = self._end(settings)
            subprocess.run(["ip", "link", "del", settings.device], capture_output=True, check=False)
        known = RadiusSettings.load(self.home)
        if known is not None and known.line_host:
            if self.radius.daemon.pid() is not None:
                self.radius.serve_line("", "")
            else:
                with locked(self.home):
                    known.with_line("", "").save(self.home)
        return ended

    def running(self) -> bool:
        settings = self.settings()
        return settings is not None and self.daemon.pid() is not None and self._ready(settings)

    # ---- what the customer does ------------------------------------------------------------------

    def dial(self, account: str, password: str, nas_port_id: str) -> dict[str, Any]:
        """The modem dials on a line; `online` with its address, or why not."""
        return self._ask("dial", account=account, password=password, nas_port_id=nas_port_id)

    def hangup(self, account: str) -> bool:
        return bool(self._ask("hangup", account=account)["ended"])

    def status(self) -> dict[str, Any]:
        """Modems online, and the access server's sessions with their rates in bit/s."""
        return self._ask("status")

    def measure(self, account: str, *, seconds: int = 3, direction: str = "down") -> float:
        """The rate the customer gets, in Mbit/s, by iperf3."""
        told = self._ask("measure", account=account, seconds=seconds, direction=direction)
        return float(told["mbps"])

    # ---- inside ---------------------------------------------------------------------------------

    def settings(self) -> LineSettings | None:
        """None when there was never a line here."""
        try:
            return LineSettings(**json.loads((self.folder / "line.json").read_text()))
        except FileNotFoundError:
            return None

    def _new_settings(self) -> LineSettings:
        """A network nobody uses here: a /30 of 10.99.0.0/16, and a device's name."""
        for number in random.sample(range(1, 16000), 200):
            third, fourth = divmod(number * 4, 256)
            network = f"10.99.{third}"
            if not has_address(f"{network}.{fourth + 2}"):
                break
        settings = LineSettings(
            device=f"kt{secrets.token_hex(3)}",
            host=f"{network}.{fourth + 2}",
            nas=f"{network}.{fourth + 1}",
            secret=RadiusSettings.ensure(self.home).secret,
            token=secrets.token_urlsafe(24),
        )
        write_private(self.folder / "line.json", json.dumps(asdict(settings), indent=1) + "\n")
        return settings

    def _network(self, settings: LineSettings) -> None:
        if has_address(settings.host):
            return
        for argv in (
            ["ip", "tuntap", "add", "dev", settings.device, "mode", "tap"],
            ["ip", "addr", "add", f"{settings.host}/30", "dev", settings.device],
            ["ip", "link", "set", settings.device, "up"],
        ):
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode:
                raise LabError(
                    "The network device of the line could not be made.", done.stderr.strip()
                )

    def _configure(self, settings: LineSettings, radius: RadiusSettings) -> None:
        for name in ("conf", "log", "modules/lib"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        link = self.folder / "modules" / "lib" / "modules"
        if not link.is_symlink():
            link.symlink_to(_MODULES)
        values = {
            "FOLDER": str(self.folder),
            "PYTHON": sys.executable,
            "SOURCE": str(Path(kaitong.__file__).parent.parent),
            "HOST": settings.host,
            "NAS": settings.nas,
            "AUTH_PORT": str(radius.auth_port),
            "ACCT_PORT": str(radius.acct_port),
        }
        for name in _FILES:
            text = files("kaitong.lab.bng").joinpath(name).read_text()
            target = self.folder / "conf" / name
            write_private(target, _MARK.sub(lambda match: values[match[1]], text))
            if name.endswith(".sh"):
                target.chmod(0o700)
        write_private(self.folder / "conf" / "servers", f"{settings.host} {settings.secret}\n")
        write_private(self.folder / "conf" / "port-id-map", "")
        write_private(
            self.folder / "conf" / "hosts",
            f"127.0.0.1 localhost\n{settings.nas} bng\n{settings.host} aaa\n",
        )

    def _boot(self, settings: LineSettings, radius: RadiusSettings) -> None:
        self._configure(settings, radius)
        log = self.folder / "log" / "console.log"
        log.write_bytes(b"")
        argv = [
            "env", f"TMPDIR={self._memory()}",
            shutil.which("linux.uml") or "linux.uml",
            "mem=192M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
            f"init={self.folder}/conf/init.sh", f"umid={settings.device}",
            f"uml_dir={self.folder}/", "con=null", "con0=null,fd:1", "con1=null", "ssl=null",
            "quiet", f"vec0:transport=tap,ifname={settings.device},depth=128",
        ]  # fmt: skip
        self.daemon.start(argv, log)
        deadline = time.monotonic() + _BOOT_SECONDS
        while not self._ready(settings):
            if self.daemon.pid() is None or time.monotonic() > deadline:
                self._end(settings)
                told = log.read_text(errors="replace").splitlines()[-12:]
                raise LabError(
                    "The access server did not start.", f"{log} ends:\n" + "\n".join(told)
                )
            time.sleep(0.1)

    def _memory(self) -> str:
        """Where the kernel's memory lies: in memory where that is large enough, else on disk."""
        shared = Path("/dev/shm")  # noqa: S108
        with contextlib.suppress(OSError):
            if shutil.disk_usage(shared).free > 400 * 2**20:
                return str(shared)
        return str(self.folder)

    def _ready(self, settings: LineSettings) -> bool:
        try:
            return bool(self._exchange(settings, {"op": "ready"}, 1.0).get("ok"))
        except (OSError, ValueError):
            return False

    def _end(self, settings: LineSettings) -> bool:
        """By its own hand, else by force: it and the processes it traces are one group."""
        pid = self.daemon.pid()
        if pid is None:
            return self.daemon.stop()
        with contextlib.suppress(OSError, ValueError):
            self._exchange(settings, {"op": "stop"}, 2.0)
            deadline = time.monotonic() + 15
            while self.daemon.pid() is not None and time.monotonic() < deadline:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
                time.sleep(0.05)
        if self.daemon.pid() is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        self.daemon.stop()
        return True

    def _ask(self, op: str, **asked: Any) -> dict[str, Any]:
        settings = self.settings()
        if settings is None:
            raise LabError("There is no line here.", "Start it: ./run lab up broadband")
        try:
            answer = self._exchange(settings, {"op": op, **asked}, 90.0)
        except (OSError, ValueError) as error:
            raise LabError(
                f"The access server does not answer ({error}).",
                "Start it: ./run lab up broadband",
            ) from None
        if not answer.pop("ok"):
            raise LabError(str(answer.get("error")))
        return answer

    @staticmethod
    def _exchange(settings: LineSettings, asked: dict[str, Any], timeout: float) -> dict[str, Any]:
        place = (settings.nas, settings.port)
        with socket.create_connection(place, timeout=min(timeout, 5)) as link:
            link.settimeout(timeout)
            link.sendall(json.dumps({**asked, "token": settings.token}).encode() + b"\n")
            with link.makefile() as reader:
                return dict(json.loads(reader.readline()))
