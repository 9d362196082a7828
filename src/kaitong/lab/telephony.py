"""`./run lab up|down|status voice` and `./run lab phone`: the voice platform and its telephones."""

from __future__ import annotations

import argparse
import json
from typing import Any

from kaitong.lab import known, telling
from kaitong.lab.errors import LabError
from kaitong.lab.phone import Telephone
from kaitong.lab.voice import VoiceLab, VoiceSettings, VoiceStatus

KEY = "voice"  # of the lab's element, and of Kaitong's record of it


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    phone: argparse.ArgumentParser = verbs.add_parser(
        "phone", help="a customer's telephone: on, off, call, status"
    )
    phone.add_argument("what", choices=["on", "off", "call", "status"])
    phone.add_argument("number", nargs="?", default="")
    phone.add_argument("--password", help="default: the one Kaitong has for the number")
    phone.add_argument("--to", default="", help="what is dialled")
    phone.add_argument("--seconds", type=int, default=3600, help="how long it stays registered")
    phone.set_defaults(run=_phone)
    return phone


def up(as_json: bool) -> None:
    """The registrar; Kaitong is told where it is."""
    status = VoiceLab().up()
    settings = status.settings
    told = known.follow(KEY, settings.connection(), settings.secrets())
    line = (
        f"voice: up, {_place(settings)}{', Kaitong follows its new place' if told else ''}\n"
        "a telephone: ./run lab phone on NUMBER"
    )
    telling.came(as_json, facts(status), line)


def down(as_json: bool) -> None:
    telling.went(as_json, KEY, VoiceLab().down())


def status() -> tuple[str, dict[str, Any]] | None:
    """A line and the facts, None when it was never started here."""
    found = VoiceLab().status()
    if found is None:
        return None
    state = "up" if found.running else "down"
    return f"voice: {state}, {_place(found.settings)}", facts(found)


def facts(status: VoiceStatus) -> dict[str, Any]:
    settings = status.settings
    return {
        "element": KEY,
        "kind": "voice",
        "running": status.running,
        "host": settings.host,
        "port": settings.port,
        "domain": settings.domain,
        "database": {
            "running": status.database_running,
            "host": settings.host,
            "port": settings.database_port,
            "name": settings.database,
        },
    }


def _place(settings: VoiceSettings) -> str:
    return (
        f"SIP {settings.host}:{settings.port} (domain {settings.domain}),"
        f" database {settings.host}:{settings.database_port}"
    )


def _phone(arguments: argparse.Namespace) -> int:
    phones, number = Telephone(), str(arguments.number)
    if arguments.what == "status":
        found = phones.bound(number)
        told = [{"number": b.number, "contact": b.contact, "agent": b.user_agent} for b in found]
        text = "\n".join(f"{b.number}: {b.contact} ({b.user_agent})" for b in found)
        print(json.dumps(told) if arguments.json else text or "no telephone is registered")
        return 0
    if not number:
        raise LabError("The number is missing.", f"./run lab phone {arguments.what} NUMBER")
    password = arguments.password or known.password(number)
    if not password:
        raise LabError(
            f"Kaitong has no password for the number {number}.", "Give it by --password."
        )
    match arguments.what:
        case "on":
            result = phones.on(number, password, seconds=arguments.seconds)
        case "off":
            result = phones.off(number, password)
        case _:
            if not arguments.to:
                raise LabError("What is dialled is missing.", "Give it by --to.")
            result = phones.call(number, password, arguments.to)
    word = "done" if result.done else "refused"
    text = f"{word}: {arguments.what} {number}: {result.answer} ({result.took_ms:.0f} ms)"
    print(json.dumps(result.as_dict()) if arguments.json else text)
    return 0 if result.done else 1
