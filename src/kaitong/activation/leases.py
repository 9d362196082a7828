"""What set-top boxes on a service's line hold at this moment, for pages and the fault desk."""

from __future__ import annotations

from kaitong.activation import kinds, queries, services
from kaitong.activation.adapters.base import Conversation
from kaitong.activation.adapters.circuits import Lease
from kaitong.activation.adapters.dhcp import KeaAdapter
from kaitong.activation.choices import ElementKind
from kaitong.inventory.results import ServiceView


def boxes(service: ServiceView) -> list[Lease] | None:
    """The last heard first; None for a service that does not live at a DHCP server.

    The caller has the service, so has seen that it may. Raises ActivationError when the server
    cannot be asked. Kea keeps when a box last asked, not when it first did.
    """
    kind = kinds.of_service(service)
    if kind.key != ElementKind.DHCP:
        return None
    speaker = services.adapter(queries.element_for(kind.key, service.branch_id))
    assert isinstance(speaker, KeaAdapter)
    return speaker.leases(kind.name(service), Conversation())
