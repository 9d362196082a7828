"""A plan (套餐) as RADIUS attributes. Pure.

What a playbook says in `activates: {on: aaa, map: {...}}` may be `plan` (the group's name),
`down_mbps`, `up_mbps`, `address`, `pool`. How rates are spelled differs by the operator's access
servers, so the attributes are data: `connection.plan_attributes` of the network element, texts with
fields such as `{down_bps}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from kaitong.activation.adapters.base import Attribute
from kaitong.activation.errors import ElementProblem

# RFC 2865, RFC 2869, and WISPr's rates, which most access servers understand
DEFAULT_ATTRIBUTES: Mapping[str, str] = {
    "Service-Type": "Framed-User",
    "Framed-Protocol": "PPP",
    "Acct-Interim-Interval": "600",
    "WISPr-Bandwidth-Max-Down": "{down_bps}",
    "WISPr-Bandwidth-Max-Up": "{up_bps}",
}
_RATES = ("down_mbps", "up_mbps")


def plan_group(wanted: Mapping[str, Any], playbook: str) -> str:
    """The group that carries a plan: as named, else one for each pair of rates of a playbook."""
    named = str(wanted.get("plan") or "")
    if named:
        return named
    if not any(wanted.get(name) for name in _RATES):
        return ""
    return f"{playbook or 'plan'}-{_rate(wanted, 'down_mbps'):f}-{_rate(wanted, 'up_mbps'):f}"


def plan_attributes(
    wanted: Mapping[str, Any], spelled: Mapping[str, str] | None = None
) -> tuple[Attribute, ...]:
    """The attributes of the plan's group. Texts that need a rate the plan lacks are left out."""
    fields: dict[str, str] = {}
    for direction in ("down", "up"):
        if wanted.get(f"{direction}_mbps"):
            rate = _rate(wanted, f"{direction}_mbps")
            fields |= {
                f"{direction}_mbps": f"{rate:f}",
                f"{direction}_kbps": f"{rate * 1000:.0f}",
                f"{direction}_bps": f"{rate * 1_000_000:.0f}",
            }
    found = []
    for name, text in (spelled or DEFAULT_ATTRIBUTES).items():
        try:
            found.append(Attribute(name, str(text).format_map(fields)))
        except KeyError:
            continue
        except (ValueError, AttributeError, IndexError):
            raise ElementProblem(
                f"网元把属性 {name} 写作 {text!r}，无法套用。", "可用的字段如 {down_bps}。"
            ) from None
    return tuple(found)


def own_attributes(wanted: Mapping[str, Any]) -> tuple[Attribute, ...]:
    """Attributes of the account alone: a fixed address, an address pool."""
    found = []
    if wanted.get("address"):
        found.append(Attribute("Framed-IP-Address", str(wanted["address"])))
    if wanted.get("pool"):
        found.append(Attribute("Framed-Pool", str(wanted["pool"])))
    return tuple(found)


def _rate(wanted: Mapping[str, Any], name: str) -> Decimal:
    value = wanted.get(name)
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        rate = Decimal(0)
    if not (rate.is_finite() and 0 < rate <= 1_000_000):
        raise ElementProblem(f"{name} 的值 {value!r} 不是以 Mbit/s 计的速率。", field=name)
    return rate.normalize() if rate % 1 else rate.quantize(Decimal(1))
