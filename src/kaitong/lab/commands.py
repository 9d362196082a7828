"""`./run lab up|down|status|session|line|stb|phone`: the lab's command line."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kaitong.activation import nasport
from kaitong.activation.nasport import Line
from kaitong.core.errors import KaitongError
from kaitong.lab import pay, tax, telephony, television
from kaitong.lab.errors import LabError
from kaitong.lab.line import LineLab
from kaitong.lab.pay import PayLab, PaySettings
from kaitong.lab.radius import RadiusLab, Status
from kaitong.lab.session import AccessServer, SessionResult, other_port
from kaitong.lab.tax import TaxLab, TaxSettings
from kaitong.lab.traps import TrapLab

ELEMENTS = ("radius", "broadband", "voice", "iptv", "tax", "pay", "snmp")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 1 failed, 2 wrong arguments, 3 programs are missing."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return error.exit_code
    except KaitongError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run lab", description="Real network elements on this machine."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)

    up = verbs.add_parser("up", help="start elements and wait until they answer")
    up.add_argument("element", nargs="*", default=["radius"], metavar="ELEMENT")
    up.set_defaults(run=_up)

    down = verbs.add_parser("down", help="end what `up` started")
    down.add_argument("element", nargs="*", default=["radius"], metavar="ELEMENT")
    down.set_defaults(run=_down)

    status = verbs.add_parser("status", help="host, port and shared secret of each element")
    status.set_defaults(run=_status)

    session = verbs.add_parser("session", help="log in as the customer's modem, on a named port")
    session.add_argument("account")
    session.add_argument("--port", metavar="NAS-PORT-ID", help="default: the registered line")
    session.add_argument("--wrong-port", action="store_true", help="another PON port than it")
    session.add_argument("--logical-id", metavar="TEXT", help="another logical identifier")
    session.add_argument("--password", help="default: the one the AAA server holds")
    session.add_argument("--chap", action="store_true", help="CHAP instead of PAP")
    session.add_argument("--stop", action="store_true", help="end the account's open sessions")
    session.set_defaults(run=_session)

    line = verbs.add_parser("line", help="a customer's real modem: dial, hangup, status, measure")
    line.add_argument("what", choices=["dial", "hangup", "status", "measure"])
    line.add_argument("account", nargs="?", default="")
    line.add_argument("--port", metavar="NAS-PORT-ID", help="default: the registered line")
    line.add_argument("--wrong-port", action="store_true", help="another PON port than it")
    line.add_argument("--logical-id", metavar="TEXT", help="another logical identifier")
    line.add_argument("--password", help="default: the one the AAA server holds")
    line.add_argument("--up", action="store_true", help="measure towards the network")
    line.add_argument("--seconds", type=int, default=3, help="how long to measure")
    line.set_defaults(run=_line)

    trap = verbs.add_parser("trap", help="be an element that raises or clears an alarm")
    trap.add_argument("what", choices=["raise", "clear"])
    trap.add_argument("alarm", help="the element's own number of the alarm")
    trap.add_argument("--element", required=True, help="as the inventory names the OLT")
    trap.add_argument("--component", default="", help="a PON port, such as 0/3/6")
    trap.add_argument("--kind", default="pon-los", help="as the playbook's alarms: name it")
    trap.add_argument("--severity", default="critical")
    trap.add_argument("--text", default="")
    trap.set_defaults(run=_trap)

    stb = television.add_parser(verbs, _registered)
    phone = telephony.add_parser(verbs, _password)

    for verb in (up, down, status, session, line, stb, phone):
        verb.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def _known(elements: Sequence[str]) -> None:
    for name in elements:
        if name not in ELEMENTS:
            raise LabError(f"The lab has no element {name!r}.", f"It has: {', '.join(ELEMENTS)}.")


def _up(arguments: argparse.Namespace) -> int:
    _known(arguments.element)
    if "tax" in arguments.element:
        _tax_up(arguments.json)
    if "pay" in arguments.element:
        _pay_up(arguments.json)
    if "snmp" in arguments.element:
        _snmp_up(arguments.json)
    if "iptv" in arguments.element:
        television.up(arguments.json, _follow)
    if "voice" in arguments.element:
        telephony.up(arguments.json, _follow)
    if "broadband" in arguments.element:
        return _broadband_up(arguments.json)
    if "radius" not in arguments.element:
        return 0
    status = RadiusLab().up()
    told = _tell_kaitong(status)
    if arguments.json:
        print(json.dumps(_facts(status)))
    else:
        print(f"radius: up, {_place(status)}{', Kaitong follows its new place' if told else ''}")
    return 0


def _snmp_up(as_json: bool) -> None:
    """The receiver of traps; its handler tells Kaitong's assurance."""
    settings = TrapLab().up()
    if as_json:
        print(json.dumps({"element": "snmp", "running": True, "port": settings.port}))
    else:
        print(f"snmp: up, traps (SNMPv2c) to 127.0.0.1:{settings.port}")


def _trap(arguments: argparse.Namespace) -> int:
    TrapLab().send(
        cleared=arguments.what == "clear",
        alarm=arguments.alarm,
        element=arguments.element,
        component=arguments.component,
        kind=arguments.kind,
        severity=arguments.severity,
        text=arguments.text,
    )
    print(f"sent: {arguments.what} {arguments.alarm}")
    return 0


def _broadband_up(as_json: bool) -> int:
    """FreeRADIUS, the PPPoE access server, and modems that can dial."""
    lab = LineLab()
    settings = lab.up()
    status = lab.radius.status()
    told = _tell_kaitong(status) if status else False
    if as_json:
        print(json.dumps(_line_facts(lab)))
    else:
        print(
            f"broadband: up, access server {settings.nas}, it hears RFC 5176 on port 3799"
            f"{', Kaitong follows' if told else ''}\n"
            "a modem dials: ./run lab line dial ACCOUNT"
        )
    return 0


def _line_facts(lab: LineLab) -> dict[str, Any]:
    running = lab.running()
    facts: dict[str, Any] = {"element": "broadband", "kind": "access-server", "running": running}
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
            told = lab.dial(account, password, _nas_port_id(server, arguments))
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


def _tax_up(as_json: bool) -> None:
    """The tax platform to practise with; Kaitong is told where it is."""
    settings = TaxLab().up()
    told = False
    if _kaitong():
        from django.db import DatabaseError

        with contextlib.suppress(DatabaseError):
            told = tax.register(settings)
    if as_json:
        print(json.dumps(_tax_facts(settings, running=True)))
    else:
        print(f"tax: up, {settings.url}{', Kaitong knows it' if told else ''}")


def _pay_up(as_json: bool) -> None:
    """The online channel to practise with; Kaitong is told where it is."""
    settings = PayLab().up()
    told = False
    if _kaitong():
        from django.db import DatabaseError

        with contextlib.suppress(DatabaseError):
            told = pay.register(settings)
    if as_json:
        print(json.dumps(_pay_facts(settings, running=True)))
    else:
        print(f"pay: up, {settings.url}{', Kaitong knows it' if told else ''}")


def _pay_facts(settings: PaySettings, *, running: bool) -> dict[str, Any]:
    return {
        "element": "pay",
        "kind": "pay-channel",
        "running": running,
        "host": settings.host,
        "port": settings.port,
        "secret": settings.secret,
    }


def _pay_down(as_json: bool) -> None:
    ended = PayLab().down()
    if as_json:
        print(json.dumps({"element": "pay", "running": False, "ended": ended}))
    else:
        print("pay: down" if ended else "pay: was not running")


def _tax_facts(settings: TaxSettings, *, running: bool) -> dict[str, Any]:
    return {
        "element": "tax",
        "kind": "tax-platform",
        "running": running,
        "host": settings.host,
        "port": settings.port,
        "secret": settings.secret,
    }


def _down(arguments: argparse.Namespace) -> int:
    _known(arguments.element)
    if "pay" in arguments.element:
        _pay_down(arguments.json)
    if "tax" in arguments.element:
        ended = TaxLab().down()
        if arguments.json:
            print(json.dumps({"element": "tax", "running": False, "ended": ended}))
        else:
            print("tax: down" if ended else "tax: was not running")
    if "snmp" in arguments.element:
        print("snmp: down" if TrapLab().down() else "snmp: was not running")
    if "iptv" in arguments.element:
        television.down(arguments.json)
    if "voice" in arguments.element:
        telephony.down(arguments.json)
    if {"broadband", "radius"} & set(arguments.element):  # there is no line without its AAA server
        ended = LineLab().down()
        if "broadband" in arguments.element:
            if arguments.json:
                print(json.dumps({"element": "broadband", "running": False, "ended": ended}))
            else:
                print("broadband: down" if ended else "broadband: was not running")
    if "radius" not in arguments.element:
        return 0
    ended = RadiusLab().down()
    if arguments.json:
        print(json.dumps({"element": "radius", "running": False, "ended": ended}))
    else:
        print("radius: down" if ended else "radius: was not running")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    status, platform, line = RadiusLab().status(), TaxLab(), LineLab()
    place = platform.settings()
    channel = PayLab()
    found = channel.settings()
    if arguments.json:
        facts = [_facts(status)] if status else []
        if place is not None:
            facts.append(_tax_facts(place, running=platform.running()))
        if found is not None:
            facts.append(_pay_facts(found, running=channel.running()))
        if line.settings() is not None:
            facts.append(_line_facts(line))
        if (dhcp := television.status()) is not None:
            facts.append(dhcp[1])
        if (voice := telephony.status()) is not None:
            facts.append(voice[1])
        print(json.dumps({"elements": facts}))
        return 0
    if place is not None:
        state = "up" if platform.running() else "down"
        print(f"tax: {state}, {place.url}, shared secret {place.secret}")
    if found is not None:
        state = "up" if channel.running() else "down"
        print(f"pay: {state}, {found.url}, shared secret {found.secret}")
    if (taken := TrapLab().settings()) is not None:
        state = "up" if TrapLab().running() else "down"
        print(f"snmp: {state}, port {taken.port}, community {taken.community}")
    if (dhcp := television.status()) is not None:
        print(dhcp[0])
    if (voice := telephony.status()) is not None:
        print(voice[0])
    if (known := line.settings()) is not None:
        print(f"broadband: {'up' if line.running() else 'down'}, access server {known.nas}")
    if status is None:
        print("radius: never started here. Start it: ./run lab up radius")
    else:
        print(
            f"radius: {'up' if status.running else 'down'}, {_place(status)},"
            f" shared secret {status.settings.secret}"
        )
    return 0


def _session(arguments: argparse.Namespace) -> int:
    server = AccessServer()
    if arguments.stop:
        result = server.stop(arguments.account)
    else:
        result = server.start(
            arguments.account,
            _nas_port_id(server, arguments),
            password=arguments.password,
            chap=arguments.chap,
        )
    print(json.dumps(result.as_dict(), ensure_ascii=False) if arguments.json else _told(result))
    return 0 if result.ok else 1


def _nas_port_id(server: AccessServer, arguments: argparse.Namespace) -> str:
    """Where the session comes up: as asked, else the line Kaitong registered for the account."""
    pattern = nasport.pattern(server.settings.nas_port_pattern)
    given: str | None = arguments.port
    if given is not None and not (arguments.wrong_port or arguments.logical_id):
        return given
    line = pattern.parse(given) if given is not None else _registered(arguments.account)
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


def _kaitong() -> bool:
    """Make Kaitong's database reachable from this command; False when there is none."""
    if not os.environ.get("KAITONG_DATABASE_URL"):
        return False
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kaitong.settings.base")
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()
    return True


def _registered(account: str) -> Line | None:
    if not _kaitong():
        return None
    from django.db import DatabaseError

    from kaitong.activation.queries import line_of_account

    try:
        return line_of_account(account)
    except DatabaseError:
        raise LabError(
            "Kaitong's database does not answer.", "Start ./run demo, or give --port."
        ) from None


def _password(number: str) -> str | None:
    """What the installer typed into the telephone: the one Kaitong has for a number."""
    if not _kaitong():
        return None
    from django.db import DatabaseError

    from kaitong.inventory import queries as inventory
    from kaitong.inventory import services as inventory_verbs
    from kaitong.org.actor import Actor

    try:
        service = inventory.service_by_account(Actor.system(), number)
        if service is None or not service.has_password:
            return None
        return inventory_verbs.reveal_password(
            actor=Actor.system(), service_id=service.id, reason="演练话机"
        )
    except DatabaseError:
        return None


def _tell_kaitong(status: Status) -> bool:
    """When ports changed since Kaitong registered the AAA server, its row follows."""
    return _follow("radius", status.settings.connection(), status.settings.secrets())


def _follow(key: str, connection: dict[str, Any], secrets: dict[str, str]) -> bool:
    """When ports changed since Kaitong registered the element, its row follows. True when it did.

    Kaitong need not run for the lab to run, so a database that is not there is no fault.
    """
    if not _kaitong():
        return False
    from django.db import DatabaseError

    from kaitong.activation.services import element_moved

    try:
        return element_moved(key=key, connection=connection, secrets=secrets)
    except DatabaseError:
        return False


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
        "element": "radius",
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
