"""`with:` of an offering: the further services of a bundle (融合套餐), checked and resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def key_of(part: Mapping[str, Any]) -> str:
    """What a part is called within its offering: its `key`, else its service."""
    return str(part.get("key") or part["service"])


def faults(content: Mapping[str, Any], offer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with an offering's parts, and what to do."""
    parts = offer.get("with", [])
    keys = [key_of(part) for part in parts]
    for key in dict.fromkeys(keys):
        if keys.count(key) > 1:
            yield f"{key!r} is there twice.", "Give each part a key of its own."
    for part in parts:
        if part["service"] not in content["services"]:
            yield f"No service {part['service']!r}.", "Name one of services:."
        elif part["service"] == offer["service"]:
            yield f"{part['service']!r} is the offering's own service.", "Name another."


def charges(offer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an offering costs, all of it: its own charges, then those of its parts by their key."""
    own = [dict(charge) for charge in offer.get("charges", [])]
    return own + [
        {**charge, "part": key_of(part)}
        for part in offer.get("with", [])
        for charge in part.get("charges", [])
    ]


def parts(offer: Mapping[str, Any], english: Mapping[str, str]) -> list[dict[str, Any]]:
    """The parts as the catalogue keeps them."""
    return [
        {
            "key": key_of(part),
            "service": part["service"],
            "title": part["title"],
            "title_en": english.get(part["title"], ""),
            "characteristics": part.get("characteristics", {}),
        }
        for part in offer.get("with", [])
    ]
