"""The kinds of network elements at which services live."""

from __future__ import annotations

from kaitong.activation import wanting
from kaitong.activation.errors import ElementProblem
from kaitong.activation.kinds.aaa import AaaKind
from kaitong.activation.kinds.base import Kind
from kaitong.activation.kinds.dhcp import DhcpKind
from kaitong.activation.kinds.voice import VoiceKind
from kaitong.inventory.reckoning import Standing
from kaitong.inventory.results import ServiceView

__all__ = ["Kind", "compared", "of", "of_service"]

_KINDS: dict[str, Kind] = {kind.key: kind for kind in (AaaKind(), VoiceKind(), DhcpKind())}


def of(key: str) -> Kind:
    """By an element's kind. Raises ElementProblem where nothing can be sent to such elements."""
    found = _KINDS.get(key)
    if found is None:
        raise ElementProblem(f"没有 {key} 类网元的适配器。")
    return found


def compared() -> list[str]:
    """The kinds whose elements reconciliation compares with the services in operation."""
    return [key for key, kind in _KINDS.items() if kind.compared]


def of_service(service: ServiceView | Standing) -> Kind:
    """The kind of element a service lives at, by its specification."""
    return of(wanting.kind_of(service))
