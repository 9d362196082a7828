"""`./run lab up|down|status snmp` and `./run lab trap`: traps of SNMP, taken and sent."""

from __future__ import annotations

import argparse
from typing import Any

from kaitong.lab import telling
from kaitong.lab.traps import TrapLab, TrapSettings

KEY = "snmp"


def add_parser(verbs: Any) -> None:
    trap = verbs.add_parser("trap", help="be an element that raises or clears an alarm")
    trap.add_argument("what", choices=["raise", "clear"])
    trap.add_argument("alarm", help="the element's own number of the alarm")
    trap.add_argument("--element", required=True, help="as the inventory names the OLT")
    trap.add_argument("--component", default="", help="a PON port, such as 0/3/6")
    trap.add_argument("--kind", default="pon-los", help="as the playbook's alarms: name it")
    trap.add_argument("--severity", default="critical")
    trap.add_argument("--text", default="")
    trap.set_defaults(run=_trap)


def up(as_json: bool) -> None:
    """The receiver of traps; its handler tells Kaitong's assurance."""
    settings = TrapLab().up()
    line = f"snmp: up, traps (SNMPv2c) to 127.0.0.1:{settings.port}"
    telling.came(as_json, _facts(settings, running=True), line)


def down(as_json: bool) -> None:
    telling.went(as_json, KEY, TrapLab().down())


def status() -> tuple[str, dict[str, Any]] | None:
    """A line and the facts, None when it was never started here."""
    lab = TrapLab()
    settings = lab.settings()
    if settings is None:
        return None
    running = lab.running()
    state = "up" if running else "down"
    line = f"snmp: {state}, port {settings.port}, community {settings.community}"
    return line, _facts(settings, running=running)


def _facts(settings: TrapSettings, *, running: bool) -> dict[str, Any]:
    return {"element": KEY, "kind": "traps", "running": running, "port": settings.port}


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
