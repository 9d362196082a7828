"""`./run lab up|down|status iptv` and `./run lab stb`: the DHCP server and its set-top boxes."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from kaitong.activation import nasport
from kaitong.lab import known, telling
from kaitong.lab.errors import LabError
from kaitong.lab.kea import KeaLab, KeaSettings
from kaitong.lab.stb import Box, SetTopBoxes

KEY = "iptv"  # of the lab's element, and of Kaitong's record of it


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    stb: argparse.ArgumentParser = verbs.add_parser(
        "stb", help="a customer's set-top box: on, off, renew, status"
    )
    stb.add_argument("what", choices=["on", "off", "renew", "status"])
    stb.add_argument("account", nargs="?", default="", help="of the line it is plugged in at")
    stb.add_argument("--circuit", metavar="CIRCUIT-ID", help="default: the registered line")
    stb.add_argument("--mac", default="", help="its hardware address; default: made of the line")
    stb.set_defaults(run=_stb)
    return stb


def up(as_json: bool) -> None:
    """The DHCP server, and the keeper of boxes that are on; Kaitong is told where it is."""
    lab = KeaLab()
    settings = lab.up()
    SetTopBoxes(lab).keep()
    told = known.follow(KEY, settings.connection(), settings.secrets())
    line = (
        f"iptv: up, {_place(settings)}{', Kaitong follows its new place' if told else ''}\n"
        "a set-top box: ./run lab stb on ACCOUNT"
    )
    telling.came(as_json, facts(settings, running=True), line)


def down(as_json: bool) -> None:
    lab = KeaLab()
    kept = SetTopBoxes(lab).down()
    telling.went(as_json, KEY, lab.down() or kept)


def status() -> tuple[str, dict[str, Any]] | None:
    """A line and the facts, None when it was never started here."""
    lab = KeaLab()
    settings = lab.settings()
    if settings is None:
        return None
    running = lab.running()
    return f"iptv: {'up' if running else 'down'}, {_place(settings)}", facts(
        settings, running=running
    )


def facts(settings: KeaSettings, *, running: bool) -> dict[str, Any]:
    return {
        "element": KEY,
        "kind": "dhcp",
        "running": running,
        "host": settings.host,
        "port": settings.port,
        "relay": settings.relay,
        "database": {
            "host": settings.host,
            "port": settings.database_port,
            "name": settings.database,
        },
    }


def _place(settings: KeaSettings) -> str:
    return (
        f"DHCP (relayed) {settings.host}:{settings.port},"
        f" database {settings.host}:{settings.database_port}"
    )


def _stb(arguments: argparse.Namespace) -> int:
    boxes = SetTopBoxes()
    if arguments.what == "status" and not (arguments.account or arguments.circuit):
        found = boxes.boxes()
        _print(arguments, [box.as_dict() for box in found], "\n".join(map(_told, found)))
        return 0
    circuit = arguments.circuit or _circuit(arguments)
    match arguments.what:
        case "on" | "renew":
            box = (
                boxes.on(circuit, arguments.mac) if arguments.what == "on" else boxes.renew(circuit)
            )
            _print(arguments, box.as_dict(), _told(box))
            return 0 if box.online else 1
        case "off":
            ended = boxes.off(circuit)
            _print(arguments, {"ended": ended}, f"{circuit}: {'off' if ended else 'was not on'}")
            return 0
        case _:
            one = boxes.box(circuit)
            _print(
                arguments, one.as_dict() if one else {}, _told(one) if one else f"{circuit}: off"
            )
            return 0 if one and one.online else 1


def _circuit(arguments: argparse.Namespace) -> str:
    line = known.registered(arguments.account) if arguments.account else None
    if line is None:
        raise LabError(
            f"Kaitong has no line for the account {arguments.account!r}.",
            "Give the line by --circuit.",
        )
    return _of_the_bundle(arguments.account) or nasport.pattern().format(line)


def _of_the_bundle(account: str) -> str:
    """The circuit of the television that came with this line, "" where none did."""
    from kaitong.inventory import queries as inventory
    from kaitong.org.actor import Actor

    line = inventory.service_by_account(Actor.system(), account)
    parts = inventory.parts_of([line.id]).get(line.id, []) if line else []
    found = (str(part.characteristics.get("circuit_id") or "") for part in parts)
    return next(filter(None, found), "")


def _print(arguments: argparse.Namespace, told: Any, text: str) -> None:
    if arguments.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        print(text or "no set-top box is on")


def _told(box: Box) -> str:
    if box.online:
        since = datetime.fromtimestamp(box.since, UTC)
        return (
            f"online: {box.mac} on {box.circuit}, address {box.address},"
            f" since {since:%Y-%m-%d %H:%M:%S}Z"
        )
    return f"{box.state}: {box.mac} on {box.circuit}"
