"""`./run demo`: everything set up and running, with a living branch, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kaitong.core import database
from kaitong.core.errors import KaitongError
from kaitong.core.home import home

if TYPE_CHECKING:
    from kaitong.demo.platforms import Platforms
    from kaitong.lab.session import AccessServer

HOST = "127.0.0.1"
_PR_SET_PDEATHSIG = 1


def say(text: str) -> None:
    print(f"· {text}", flush=True)


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a part of the set-up and how long it took."""
    print(f"· {text} ...", end="", flush=True)
    began = time.monotonic()
    yield
    print(f" {time.monotonic() - began:.1f} s", flush=True)


class Children:
    """The web and worker processes: started, watched, restarted when they die, stopped with us."""

    def __init__(self, commands: dict[str, list[str]]) -> None:
        self.commands = commands
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        for name in self.commands:
            self._start(name)

    def _start(self, name: str) -> None:
        libc = ctypes.CDLL(None)
        self.running[name] = subprocess.Popen(
            [sys.executable, *self.commands[name]],
            start_new_session=True,  # Ctrl-C reaches us; we stop them in order
            preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM),
        )

    def watch(self) -> None:
        """Restart what died."""
        for name, process in list(self.running.items()):
            code = process.poll()
            if code is not None:
                say(f"{name} ended with {code}; starting it again")
                time.sleep(1)
                self._start(name)

    def stop(self) -> None:
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in self.running.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def require_port(port: int, seconds: float = 5) -> None:
    """The port is free, at once or when the web server of a killed demo has ended."""
    deadline = time.monotonic() + seconds
    while not port_is_free(port):
        if time.monotonic() > deadline:
            raise KaitongError(f"Port {port} is taken.", "Choose another: ./run demo --port N")
        time.sleep(0.2)


def wait_until_ready(port: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/accounts/login/", timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise KaitongError(f"The web server does not answer ({error}).") from None
            time.sleep(0.1)


@contextlib.contextmanager
def alone(port: int) -> Iterator[bool]:
    """One demo a state folder. True when the one before was killed: what it started still runs,
    and ending it falls to us."""
    folder = home()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("a+") as lock:
        lock.seek(0)
        before = lock.read().strip()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KaitongError(
                f"A demo of {folder} runs already: http://{HOST}:{before}",
                "Use that one, or name another folder by KAITONG_HOME.",
            ) from None
        lock.truncate(0)
        lock.write(str(port))
        lock.flush()
        try:
            yield bool(before)
        finally:
            lock.truncate(0)


def start_radius() -> tuple[bool, AccessServer | None]:
    """Start FreeRADIUS where it is installed; tell Kaitong where it is or will be.

    Whether it was started here, and the customers' modems, None without a network.
    """
    from kaitong.demo import network
    from kaitong.lab.errors import LabError
    from kaitong.lab.radius import RadiusLab
    from kaitong.lab.session import AccessServer

    lab = RadiusLab()
    try:
        before = lab.status()
        with step("starting FreeRADIUS"):
            lab.up()
        started = before is None or not before.running
        modems = AccessServer(lab)
    except LabError as error:
        print()
        say(f"no FreeRADIUS: {error} Orders wait at 网络激活 until ./run lab up radius.")
        started, modems = False, None
    network.register(lab)
    return started, modems


def start_tax() -> bool:
    """Start the tax platform to practise with and tell Kaitong where it is; whether here."""
    from kaitong.lab import tax
    from kaitong.lab.errors import LabError

    lab = tax.TaxLab()
    before = lab.running()
    try:
        tax.register(lab.up())
    except LabError as error:
        say(f"no tax platform: {error} Invoices wait until ./run lab up tax.")
        return False
    return not before


def start_pay(port: int) -> bool:
    """Start the online channel to practise with and tell Kaitong where it is; whether here."""
    from kaitong.lab import pay
    from kaitong.lab.errors import LabError

    lab = pay.PayLab()
    before = lab.running()
    try:
        pay.register(lab.up(), f"http://127.0.0.1:{port}")
    except LabError as error:
        say(f"no payment channel: {error} Online payments wait until ./run lab up pay.")
        return False
    return not before


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run demo", description="Start Kaitong with a demo.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1, help="worker processes")
    parser.add_argument("--live", action="store_true", help="people go on working, a little")
    asked = parser.parse_args()
    if not 1 <= asked.port <= 65535:
        parser.error("--port must be 1 to 65535")
    if not 1 <= asked.workers <= 64:
        parser.error("--workers must be 1 to 64")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kaitong.settings.base")
    # where links to customers (满意度) lead; every process of the demo is told
    os.environ.setdefault("KAITONG_ORIGINS", f"http://{HOST}:{asked.port}")
    try:
        with alone(asked.port) as inherits:
            require_port(asked.port)
            run(asked.port, asked.workers, inherits=inherits, alive=asked.live)
    except KaitongError as error:
        print(f"\nkaitong: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\nkaitong: {error.filename or 'the machine'}: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


def run(port: int, workers: int, *, inherits: bool, alive: bool = False) -> None:
    """All of it, until a signal; then what was started is ended."""
    cluster = database.embedded()
    database_started = lab_started = tax_started = pay_started = False
    children: Children | None = None
    served: Platforms | None = None
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        with step("starting the database"):
            database_started = database.connect() is not None or inherits
        import django

        django.setup()
        from kaitong.demo import platforms, setup

        setup.migrate(step)
        setup.branch(step)
        lab_started, modems = start_radius()
        lab_started = lab_started or inherits
        tax_started = start_tax() or inherits
        pay_started = start_pay(port) or inherits
        with step("starting Kamailio and Kea"):
            served = platforms.start(say)
        setup.orders(step, modems, served if served.complete else None)
        module = ["-m", "kaitong.cli"]
        children = Children(
            {
                "web": [*module, "serve", "--port", str(port)],
                **{f"worker {n}": [*module, "worker"] for n in range(1, workers + 1)},
            }
        )
        children.start()
        wait_until_ready(port)
        if alive:
            from kaitong.demo import life

            threading.Thread(target=life.live, args=(stopping, modems), daemon=True).start()
        greet(port)
        while not stopping.wait(1.0):
            children.watch()
        say("stopping")
    finally:
        if children is not None:
            children.stop()
        if lab_started:
            from kaitong.lab.radius import RadiusLab

            RadiusLab().down()
        if served is not None:
            served.down()
        if pay_started:
            from kaitong.lab.pay import PayLab

            PayLab().down()
        if tax_started:
            from kaitong.lab.tax import TaxLab

            TaxLab().down()
        if cluster is not None and database_started:
            cluster.stop()


def greet(port: int) -> None:
    from kaitong.demo.people import ACCOUNTS, BRANCHES, PASSWORD
    from kaitong.org.queries import posts_by_key

    posts = posts_by_key()
    wide = max(len(account.username) for account in ACCOUNTS) + 2
    print()
    for account in ACCOUNTS:
        titles = "、".join(posts[key].name for key in account.posts)
        where = account.department or BRANCHES[account.branch]
        print(f"  {account.username:<{wide}}{PASSWORD:<16}{account.name}  {where} {titles}")
    from kaitong.demo import hall

    print()
    for title, code in hall.codes():
        print(f"  {title} (/queue/device/): {code}")
    print(f"\nready: http://{HOST}:{port}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
