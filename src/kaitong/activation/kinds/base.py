"""What activation must know of a kind of network element beside its adapter.

The actions of a process (`activation.apply`, `prove-account` …) are the same for every kind; the
kind says what a service is called there, what shall be held of it, which adapter speaks, and how
what the network answered is said to people. A further kind is a module here and its line in
`kinds.__init__`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from kaitong.activation.adapters.base import AccountChange, Adapter, Attribute, Proof, Subject
from kaitong.activation.choices import ElementKind
from kaitong.activation.models import NetworkElement
from kaitong.inventory.reckoning import Standing
from kaitong.inventory.results import ServiceView

if TYPE_CHECKING:
    from kaitong.activation.kinds.comparing import Comparing


class Kind(ABC):
    """One kind of network element, as services live at it."""

    key: ClassVar[ElementKind]
    # whether a service has a password there; without one none is ever read for it
    has_password: ClassVar[bool] = True
    # whether reconciliation compares it: `comparing` says how
    compared: ClassVar[bool] = False
    # whether it keeps live sessions that an access server can be asked to change or to end
    has_sessions: ClassVar[bool] = False
    # whether terminals hold leases: a cut is told to them when they next ask, not at once
    leases: ClassVar[bool] = False

    @abstractmethod
    def adapter(self, connection: Mapping[str, Any], secrets: Mapping[str, str]) -> Adapter:
        """Who speaks to an element of this kind."""

    @abstractmethod
    def desired(
        self,
        service: ServiceView,
        element: NetworkElement,
        *,
        password: str,
        barred_for: str,
        former: tuple[str, ...],
    ) -> AccountChange:
        """What the element shall hold of a service that has not ended."""

    @abstractmethod
    def sentence(self, proof: Proof) -> str:
        """What the network answered, in one sentence (see `activation.sentences`)."""

    def name(self, service: ServiceView | Standing) -> str:
        """What the service is called at the element; "" while nothing of it can be there."""
        return service.account

    def subject(
        self,
        service: ServiceView,
        *,
        password: str = "",
        former_password: str = "",
        barred_for: str = "",
        attributes: tuple[Attribute, ...] = (),
    ) -> Subject:
        """What a proof is about."""
        return Subject(
            account=self.name(service),
            password=password,
            former_password=former_password,
            barred_for=barred_for,
            attributes=attributes,
        )

    def comparing(self, adapter: Adapter) -> Comparing | None:
        """How an element of this kind is compared with the services in operation; None: it is
        not."""
        return None

    def line_subject(self, service: ServiceView) -> Subject:
        """What must be seen for the line to be proven."""
        return self.subject(service)

    def short(self, proof: Proof) -> dict[str, Any]:
        """Of a failed proof of the line, what may go into a process's variables: no identifiers
        and no addresses of the person."""
        return {"proof_result": proof.result.value}

    def check(self, connection: Mapping[str, Any]) -> None:
        """Refuse an element's record that could not be worked with. Raises ActivationError."""
        return
