"""`./run lab up|down|status broadband` and `./run lab line`: PPPoE and real modems."""

from __future__ import annotations

import argparse
import json
from typing import Any

from kaitong.lab import aaa, telling
from kaitong.lab.errors import LabError
from kaitong.lab.line import LineLab
from kaitong.lab.session import AccessServer

KEY = "broadband"


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    line: argparse.ArgumentParser = verbs.add_parser(
        "line", help="a customer's real modem: dial, hangup, status, measure"
    )
    line.add_argument("what", choices=["dial", "hangup", "status", "measure"])
    line.add_argument("account", nargs="?", default="")
    aaa.add_line(line)
    line.add_argument("--up", action="store_true", help="measure towards the network")
    line.add_argument("--seconds", type=int, default=3, help="how long to measure")
    line.set_defaults(run=_line)
    return line


def up(as_json: bool) -> None:
    """FreeRADIUS, the PPPoE access server, and modems that can dial."""
    lab = LineLab()
    settings = lab.up()
    status = lab.radius.status()
    told = aaa.follow(status) if status else False
    line = (
        f"broadband: up, access server {settings.nas}, it hears RFC 5176 on port 3799"
        f"{', Kaitong follows' if told else ''}\n"
        "a modem dials: ./run lab line dial ACCOUNT"
    )
    telling.came(as_json, _facts(lab), line)


def down(as_json: bool) -> None:
    telling.went(as_json, KEY, LineLab().down())


def status() -> tuple[str, dict[str, Any]] | None:
    """A line and the facts, None when it was never started here."""
    lab = LineLab()
    settings = lab.settings()
    if settings is None:
        return None
    state = "up" if lab.running() else "down"
    return f"broadband: {state}, access server {settings.nas}", _facts(lab)


def _facts(lab: LineLab) -> dict[str, Any]:
    running = lab.running()
    facts: dict[str, Any] = {"element": KEY, "kind": "access-server", "running": running}
    if running and (settings := lab.settings()):
        facts |= {"host": settings.nas, "port": 3799, **lab.status()}
    return facts


def _line(arguments: argparse.Namespace) -> int:
    lab, account = LineLab(), str(arguments.account)
    if arguments.what != "status" and not account:
        raise LabError("The account is missing.", "./run lab line dial ACCOUNT")
    told: dict[str, Any]
    match arguments.what:
        case "dial":
            server = AccessServer(lab.radius)
            password = arguments.password or server.password(account)
            told = lab.dial(account, password, aaa.nas_port_id(server, arguments))
            text = (
                f"online: {account}, address {told['address']} ({told['took_ms']} ms)"
                if told["online"]
                else f"refused: {account}: {told['message'] or 'the access server said no'}"
                if told["refused"]
                else f"no answer: {account}: {told['message']}"
            )
            done = bool(told["online"])
        case "hangup":
            told = {"ended": lab.hangup(account)}
            text = f"{account}: {'offline' if told['ended'] else 'was not online'}"
            done = True
        case "measure":
            direction = "up" if arguments.up else "down"
            told = {
                "mbps": lab.measure(account, seconds=arguments.seconds, direction=direction),
                "direction": direction,
            }
            text, done = f"{account}: {told['mbps']} Mbit/s {direction}", True
        case _:
            told, done = lab.status(), True
            text = "\n".join(
                f"{name}: address {s['address']}, down {s['down_bps'] or 'unlimited'} bit/s,"
                f" up {s['up_bps'] or 'unlimited'} bit/s"
                for name, s in told["sessions"].items()
                if account in ("", name)
            )
            text = text or "nobody is online"
    print(json.dumps(told, ensure_ascii=False) if arguments.json else text)
    return 0 if done else 1
