"""`./run lab up|down|status radius` and `./run lab session`: the AAA server, and logging in."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import Any

from kaitong.activation import nasport
from kaitong.lab import known, telling
from kaitong.lab.errors import LabError
from kaitong.lab.radius import RadiusLab, Status
from kaitong.lab.session import AccessServer, SessionResult, other_port

KEY = "radius"  # of the lab's element, and of Kaitong's record of it


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    session: argparse.ArgumentParser = verbs.add_parser(
        "session", help="log in as the customer's modem, on a named port"
    )
    session.add_argument("account")
    add_line(session)
    session.add_argument("--chap", action="store_true", help="CHAP instead of PAP")
    session.add_argument("--stop", action="store_true", help="end the account's open sessions")
    session.set_defaults(run=_session)
    return session


def add_line(parser: argparse.ArgumentParser) -> None:
    """Where a login comes from, and with what: for a session as for a real modem."""
    parser.add_argument("--port", metavar="NAS-PORT-ID", help="default: the registered line")
    parser.add_argument("--wrong-port", action="store_true", help="another PON port than it")
    parser.add_argument("--logical-id", metavar="TEXT", help="another logical identifier")
    parser.add_argument("--password", help="default: the one the AAA server holds")


def up(as_json: bool) -> None:
    status = RadiusLab().up()
    moved = ", Kaitong follows its new place" if follow(status) else ""
    telling.came(as_json, _facts(status), f"radius: up, {_place(status)}{moved}")


def down(as_json: bool) -> None:
    telling.went(as_json, KEY, RadiusLab().down())


def status() -> tuple[str, dict[str, Any]] | None:
    """A line and the facts, None when it was never started here."""
    found = RadiusLab().status()
    if found is None:
        return None
    state = "up" if found.running else "down"
    line = f"radius: {state}, {_place(found)}, shared secret {found.settings.secret}"
    return line, _facts(found)


def follow(status: Status) -> bool:
    """When ports changed since Kaitong registered the AAA server, its row follows."""
    return known.follow(KEY, status.settings.connection(), status.settings.secrets())


def _session(arguments: argparse.Namespace) -> int:
    server = AccessServer()
    if arguments.stop:
        result = server.stop(arguments.account)
    else:
        result = server.start(
            arguments.account,
            nas_port_id(server, arguments),
            password=arguments.password,
            chap=arguments.chap,
        )
    print(json.dumps(result.as_dict(), ensure_ascii=False) if arguments.json else _told(result))
    return 0 if result.ok else 1


def nas_port_id(server: AccessServer, arguments: argparse.Namespace) -> str:
    """Where the session comes up: as asked, else the line Kaitong registered for the account."""
    pattern = nasport.pattern(server.settings.nas_port_pattern)
    given: str | None = arguments.port
    if given is not None and not (arguments.wrong_port or arguments.logical_id):
        return given
    line = pattern.parse(given) if given is not None else known.registered(arguments.account)
    if line is None:
        raise LabError(
            f"{given!r} is not spelled as {pattern.text}."
            if given
            else f"Kaitong has no line for the account {arguments.account}.",
            "Give the whole NAS-Port-Id by --port.",
        )
    if arguments.wrong_port:
        line = other_port(line)
    if arguments.logical_id:
        line = replace(line, logical_id=arguments.logical_id)
    return pattern.format(line)


def _place(status: Status) -> str:
    settings = status.settings
    return (
        f"authentication {settings.host}:{settings.auth_port},"
        f" accounting {settings.host}:{settings.acct_port},"
        f" database {settings.host}:{settings.database_port}"
    )


def _facts(status: Status) -> dict[str, Any]:
    settings = status.settings
    return {
        "element": KEY,
        "kind": "aaa",
        "running": status.running,
        "host": settings.host,
        "port": settings.auth_port,
        "auth_port": settings.auth_port,
        "acct_port": settings.acct_port,
        "secret": settings.secret,
        "nas_address": settings.nas_address,
        "nas_port_pattern": settings.nas_port_pattern,
        "database": {
            "running": status.database_running,
            "host": settings.host,
            "port": settings.database_port,
            "name": settings.database,
        },
    }


def _told(result: SessionResult) -> str:
    if result.action == "stop":
        if result.ok:
            return f"stopped: {result.account} on {result.nas_port_id}"
        return f"not stopped: {result.account}: {result.message or 'accounting got no answer'}"
    if not result.accepted:
        why = f" ({result.message})" if result.message else ""
        return f"refused: {result.account}: {result.answer}{why}"
    if not result.accounted:
        return f"accepted, but accounting got no answer: {result.account}"
    return (
        f"online: {result.account} on {result.nas_port_id}, address {result.address},"
        f" session {result.session_ids[0]} ({result.took_ms:.0f} ms)"
    )
