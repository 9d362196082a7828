"""Port numbers of an ONU (ONU-03, FMT-03). Pure, no database.

LAN or DSL ports and POTS ports are numbered from 0, consecutively, without overlap: one sequence
for both per ONU. An operator whose terminals count each kind by itself says so by `shared=False`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _

from kaitong.core import wording

PortKind = Literal["lan", "dsl", "pots"]
DATA_KINDS: tuple[PortKind, ...] = ("lan", "dsl")


@dataclass(frozen=True, slots=True, order=True)
class OnuPort:
    """A user port of an ONU: its number, and what it carries."""

    number: int
    kind: PortKind


def number_ports(
    *, lan: int = 0, dsl: int = 0, pots: int = 0, shared: bool = True
) -> tuple[OnuPort, ...]:
    """The ports of an ONU in order: data ports first, then telephone ports.

    >>> [(p.kind, p.number) for p in number_ports(lan=2, pots=1)]
    [('lan', 0), ('lan', 1), ('pots', 2)]
    """
    if lan and dsl:
        raise ValueError("An ONU has LAN or DSL user ports, not both.")
    if min(lan, dsl, pots) < 0:
        raise ValueError("A number of ports is not negative.")
    data: PortKind = "dsl" if dsl else "lan"
    first_pots = lan + dsl if shared else 0
    return (
        *(OnuPort(number, data) for number in range(lan + dsl)),
        *(OnuPort(first_pots + number, "pots") for number in range(pots)),
    )


def check_ports(ports: Iterable[OnuPort], *, shared: bool = True) -> list[str]:
    """Every fault of an ONU's port numbers, in words; empty when there is none."""
    listed = list(ports)
    faults = []
    if {p.kind for p in listed} >= set(DATA_KINDS):
        faults.append(_("同一台 ONU 不能既有 LAN 口又有 DSL 口。"))
    if shared:
        faults += _faults_of_sequence([p.number for p in listed], _("端口号"))
    else:
        data = [p.number for p in listed if p.kind in DATA_KINDS]
        pots = [p.number for p in listed if p.kind == "pots"]
        faults += _faults_of_sequence(data, _("数据口的端口号"))
        faults += _faults_of_sequence(pots, _("语音口的端口号"))
    return faults


def _faults_of_sequence(numbers: list[int], what: str) -> list[str]:
    if not numbers:
        return []
    faults = []
    seen = sorted(set(numbers))
    if seen[0] != 0:
        faults.append(
            _("%(what)s要从 0 开始，现在从 %(first)s 开始。") % {"what": what, "first": seen[0]}
        )
    repeated = [str(n) for n in seen if numbers.count(n) > 1]
    if repeated:
        told = wording.several(repeated)
        faults.append(_("%(what)s %(list)s 重复。") % {"what": what, "list": told})
    missing = [str(n) for n in range(seen[0], seen[-1]) if n not in seen]
    if missing:
        faults.append(
            _("%(what)s要连续，缺 %(list)s。") % {"what": what, "list": wording.several(missing)}
        )
    return faults
