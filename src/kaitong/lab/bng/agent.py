"""Inside the access server's kernel: lines, modems, and who asks about them.

Each customer's line is an interface pair: the modem in a network namespace of its own at one end, a
PPPoE server at the other, which names the line to RADIUS as its NAS-Port-Id, the way an access
server knows a line by its VLAN. Sessions are pppd's; this ends them (SIGHUP, so that accounting is
stopped) and reshapes them when a Disconnect- or CoA-Request comes (RFC 5176).

Orders come as JSON lines over TCP from the machine outside, each with the lab's token.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import re
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaitong.lab.dynauth import NO_SESSION, Listener

RUN = Path("/run/kaitong")
_UNSUPPORTED = 401
_RATES = ("WISPr-Bandwidth-Max-Down", "WISPr-Bandwidth-Max-Up")
_DIAL_SECONDS = 20.0
_REFUSED = re.compile(r"CHAP authentication failed(?:: (.*))?")


class Refused(Exception):
    """What was asked cannot be done; the text is for the person who asked."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as pppd's script wrote it down."""

    account: str
    interface: str
    pid: int
    address: str
    down: str
    up: str


def sessions() -> list[Session]:
    """The sessions that stand."""
    found = []
    for path in sorted(RUN.glob("session.*")):
        with contextlib.suppress(OSError, ValueError):
            account, interface, pid, address, down, up = path.read_text().split("\n")[:6]
            os.kill(int(pid), 0)
            found.append(Session(account, interface, int(pid), address, down, up))
    return found


def run(*argv: str, timeout: float = 30, check: bool = True) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode:
        raise Refused(f"{argv[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


class PppSessions:
    """What the dynamic authorisation listener does to pppd's sessions."""

    def __init__(self, folder: Path) -> None:
        self._shape = folder / "conf" / "shape.sh"

    def _named(self, named: Mapping[str, str]) -> list[Session]:
        """pppd's RADIUS plugin keeps the session's own id to itself: account and address it is."""
        account, address = named.get("User-Name"), named.get("Framed-IP-Address")
        return [
            s
            for s in sessions()
            if s.account == account and address in (None, "", "0.0.0.0", s.address)  # noqa: S104
        ]

    def disconnect(self, named: Mapping[str, str]) -> int:
        found = self._named(named)
        for session in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(session.pid, signal.SIGHUP)
        return 0 if found else NO_SESSION

    def change(self, named: Mapping[str, str], attributes: Mapping[str, str]) -> int:
        found = self._named(named)
        if not found:
            return NO_SESSION
        if not any(name in attributes for name in _RATES):
            return _UNSUPPORTED
        for session in found:
            down, up = (
                attributes.get(name) or old
                for name, old in zip(_RATES, (session.down, session.up), strict=True)
            )
            run("sh", str(self._shape), session.interface, down, up)
            text = [session.account, session.interface, str(session.pid), session.address, down, up]
            (RUN / f"session.{session.interface}").write_text("\n".join(text) + "\n")
        return 0


class Lines:
    """Lines with their modems, made when somebody dials for the first time."""

    def __init__(self, facts: Mapping[str, Any], folder: Path) -> None:
        self._facts, self._folder = facts, folder
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, str, subprocess.Popen[bytes]]] = {}
        self._modems: dict[str, subprocess.Popen[bytes]] = {}

    # ---- what is asked ---------------------------------------------------------------------------

    def dial(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The modem of an account dials on a line; what became of it."""
        account, password = str(asked["account"]), str(asked["password"])
        with self._lock:
            if self._address(account):
                raise Refused(f"The modem of {account} is online already.")
            number = self._line(account, str(asked["nas_port_id"]))
            begun = time.monotonic()
            log = self._folder / "log" / f"modem-{number}.log"
            log.write_bytes(b"")
            options = RUN / f"modem-{number}.options"
            options.write_text(
                f"plugin rp-pppoe.so wan{number}\nuser {_quoted(account)}\n"
                f"password {_quoted(password)}\nnoauth\nnodefaultroute\nnoipdefault\nnodetach\n"
                "noipv6\nmaxfail 1\nmtu 1492\nmru 1492\nlcp-echo-interval 5\nlcp-echo-failure 3\n"
            )
            options.chmod(0o600)
            modem = subprocess.Popen(
                ["ip", "netns", "exec", f"cpe{number}", "pppd", "file", str(options)],
                stdin=subprocess.DEVNULL, stdout=log.open("ab"), stderr=subprocess.STDOUT,
            )  # fmt: skip
            self._modems[account] = modem
        while time.monotonic() < begun + _DIAL_SECONDS:
            address = self._address(account)
            # the access server's end is ready when its script has shaped it
            if address and any(s.account == account for s in sessions()):
                return {
                    "online": True,
                    "address": address,
                    "took_ms": round((time.monotonic() - begun) * 1000),
                }
            if modem.poll() is not None:
                break
            time.sleep(0.05)
        if modem.poll() is None:
            modem.terminate()
            modem.wait(10)
        text = log.read_text(errors="replace")
        refused = _REFUSED.search(text)
        return {
            "online": False,
            "refused": bool(refused),
            "message": (refused[1] or "").strip() if refused else text.strip()[-300:],
            "took_ms": round((time.monotonic() - begun) * 1000),
        }

    def hangup(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The customer switches the modem off."""
        modem = self._modems.get(str(asked["account"]))
        if modem is None or modem.poll() is not None:
            return {"ended": False}
        modem.terminate()
        modem.wait(15)
        return {"ended": True}

    def status(self, _asked: Mapping[str, Any]) -> dict[str, Any]:
        """Modems online, and the sessions of the access server with their rates."""
        modems = {
            account: address for account in self._known if (address := self._address(account))
        }
        return {
            "modems": modems,
            "sessions": {
                s.account: {"address": s.address, "down_bps": s.down, "up_bps": s.up}
                for s in sessions()
            },
        }

    def measure(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The rate the customer gets, by iperf3 from the modem, in Mbit/s."""
        account, seconds = str(asked["account"]), min(max(int(asked.get("seconds", 3)), 1), 30)
        if not self._address(account):
            raise Refused(f"The modem of {account} is offline.")
        number = self._known[account][0]
        argv = ["ip", "netns", "exec", f"cpe{number}", "iperf3", "-J", "-c", self._facts["gateway"]]
        argv += ["-t", str(seconds), "-O", "1"]
        if asked.get("direction", "down") == "down":
            argv.append("-R")
        told = json.loads(run(*argv, timeout=seconds + 20, check=False) or "{}")
        if "end" not in told or "sum_received" not in told["end"]:
            raise Refused(f"iperf3: {told.get('error', 'no answer')}")
        bits = float(told["end"]["sum_received"]["bits_per_second"])
        return {"mbps": round(bits / 1e6, 2)}

    # ---- inside ----------------------------------------------------------------------------------

    def _line(self, account: str, nas_port_id: str) -> int:
        """The line's number; made, or plugged into another port, when it must be."""
        known = self._known.get(account)
        if known is not None and known[1] == nas_port_id and known[2].poll() is None:
            return known[0]
        if known is not None:
            known[2].terminate()
            known[2].wait(10)
            number = known[0]
        else:
            number = len(self._known)
            run("ip", "netns", "add", f"cpe{number}")
            run("ip", "link", "add", f"acc{number}", "type", "veth", "peer", "name",
                f"wan{number}", "netns", f"cpe{number}")  # fmt: skip
            run("ip", "link", "set", f"acc{number}", "up")
            run("ip", "-n", f"cpe{number}", "link", "set", f"wan{number}", "up")
            run("ip", "-n", f"cpe{number}", "link", "set", "lo", "up")
        options = RUN / f"server-{number}.options"
        options.write_text(
            (self._folder / "conf" / "server-options").read_text()
            + f"avpair {_quoted('NAS-Port-Id=' + _quoted(nas_port_id))}\n"
        )
        first = str(self._facts["pool"]).split(".")
        address = ".".join([*first[:3], str(int(first[3]) + number * 4)])
        server = subprocess.Popen(
            ["pppoe-server", "-F", "-I", f"acc{number}", "-C", "bng", "-L", self._facts["gateway"],
             "-R", address, "-N", "4", "-O", str(options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(0.3)
        if server.poll() is not None:
            raise Refused("The PPPoE server did not start.")
        self._known[account] = (number, nas_port_id, server)
        return number

    def _address(self, account: str) -> str:
        """The modem's address, when it is online."""
        known, modem = self._known.get(account), self._modems.get(account)
        if known is None or modem is None or modem.poll() is not None:
            return ""
        told = run("ip", "-n", f"cpe{known[0]}", "-4", "-o", "addr", "show", check=False)
        found = re.search(r"ppp\d+\s+inet (\S+)", told)
        return found[1].partition("/")[0] if found else ""


def _quoted(text: str) -> str:
    """A word of a pppd options file."""
    if any(ord(sign) < 32 for sign in text):
        raise Refused("A value has control characters.")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Orders(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        for line in self.rfile:
            answer: dict[str, Any]
            try:
                asked = json.loads(line)
                if not hmac.compare_digest(str(asked.get("token")), self.server.token):
                    return
                if asked["op"] == "stop":
                    self.server.over.set()
                    answer = {"ok": True}
                elif asked["op"] == "ready":
                    answer = {"ok": True}
                else:
                    verb = getattr(self.server.lines, asked["op"])
                    answer = {"ok": True, **verb(asked)}
            except Refused as refused:
                answer = {"ok": False, "error": str(refused)}
            except Exception as error:
                answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
            with contextlib.suppress(OSError):
                self.wfile.write(json.dumps(answer).encode() + b"\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    token: str
    lines: Lines
    over: threading.Event


def main() -> int:
    folder = Path(sys.argv[1])
    facts = json.loads((folder / "line.json").read_text())
    run("ip", "addr", "add", f"{facts['nas']}/30", "dev", "vec0")
    run("ip", "link", "set", "vec0", "up")
    run("ip", "addr", "add", f"{facts['gateway']}/32", "dev", "lo")
    subprocess.Popen(
        ["iperf3", "-s", "-B", facts["gateway"]],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    Listener(facts["nas"], 3799, facts["secret"], PppSessions(folder)).start()
    server = _Server((facts["nas"], facts["port"]), _Orders)
    server.token, server.lines, server.over = (
        facts["token"],
        Lines(facts, folder),
        threading.Event(),
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    server.over.wait()
    for session in sessions():  # so that accounting hears of their end
        os.kill(session.pid, signal.SIGHUP)
    until = time.monotonic() + 4
    while sessions() and time.monotonic() < until:
        time.sleep(0.1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
