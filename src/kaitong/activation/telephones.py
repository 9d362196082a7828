"""Which telephones of a number are registered at this moment, for pages and the fault desk."""

from __future__ import annotations

from kaitong.activation import kinds, queries, services
from kaitong.activation.adapters.base import Conversation
from kaitong.activation.adapters.registrations import Registration
from kaitong.activation.adapters.voice import VoiceAdapter
from kaitong.activation.choices import ElementKind
from kaitong.inventory.results import ServiceView


def registrations(service: ServiceView) -> list[Registration] | None:
    """The last heard first; None for a service that does not live at a voice platform.

    The caller has the service, so has seen that it may; nothing is stored of this look. Raises
    ActivationError when the platform cannot be asked.
    """
    kind = kinds.of_service(service)
    if kind.key != ElementKind.VOICE:
        return None
    name = kind.name(service)
    if not name:
        return []
    speaker = services.adapter(queries.element_for(kind.key, service.branch_id))
    assert isinstance(speaker, VoiceAdapter)
    return speaker.registrations(name, Conversation())
