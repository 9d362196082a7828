"""Leading to an address."""

from __future__ import annotations

from urllib.parse import quote


def map_link(address: str) -> str:
    """Opens the phone's own map at an address."""
    return f"geo:0,0?q={quote(address)}" if address else ""
