"""What inventory answers: small values, never database rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from kaitong.core.masking import mask_secret
from kaitong.inventory.choices import ServiceState, Verdict
from kaitong.inventory.numbers import group_logical_id


@dataclass(frozen=True, slots=True)
class PortTaken:
    """A port now belongs to the service or draft; `reserved_until` only for a draft."""

    assignment_id: UUID
    resource_id: UUID
    text: str
    state: str
    reserved_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class NoPort:
    """No port can be had, and why: `reason` is a Verdict other than available."""

    reason: str
    text: str
    planned_date: date | None = None
    boxes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Released:
    """A resource that was given back; `order_id` says whose it was."""

    resource_id: UUID
    service_id: UUID | None
    order_id: UUID | None
    text: str


@dataclass(frozen=True, slots=True)
class CoverageVerdict:
    """What can be had at an address (BB-17), in a word, a sentence and numbers."""

    address_id: UUID
    verdict: Verdict
    text: str
    free_ports: int = 0
    ports: int = 0
    boxes: tuple[str, ...] = ()
    planned_date: date | None = None
    reason: str = ""
    # boxes a port may be taken from, in the order of preference
    boxes_usable: tuple[UUID, ...] = ()

    def no_port(self) -> NoPort:
        """This verdict as a refusal; whoever asks has just found no port that is really free."""
        if self.verdict == Verdict.AVAILABLE:
            return NoPort(Verdict.NO_FREE_PORT, str(Verdict.NO_FREE_PORT.label), boxes=self.boxes)
        return NoPort(self.verdict, self.text, self.planned_date, self.boxes)

    @property
    def available(self) -> bool:
        return self.verdict == Verdict.AVAILABLE

    @property
    def label(self) -> str:
        return str(self.verdict.label)

    @property
    def tone(self) -> str:
        return self.verdict.tone


@dataclass(frozen=True, slots=True)
class PortView:
    """A port as people name it.

    `text` is "OLT-01 0/3/6 · 6栋2单元 POS-01/03"; `pon_text` its network half, `box_text` the half
    that stands in the stairwell and that the network cannot see.
    """

    id: UUID
    text: str
    pon_text: str
    box_text: str
    state: str
    access_node: str
    pon_port: str
    position: int | None
    box_id: UUID | None
    pon_port_id: UUID | None
    on_onu: bool = False


@dataclass(frozen=True, slots=True)
class NearPort:
    """A free port of a box that serves an address (`far` 0), its building (1) or its estate (2);
    `left` more are free in that box."""

    port: PortView
    far: int
    left: int


@dataclass(frozen=True, slots=True)
class ProofView:
    """One proof attempt. `counts` is false when the line has changed since it was made."""

    kind: str
    ok: bool
    at: datetime
    summary: str
    data: dict[str, Any]
    counts: bool


class ProofsNotRead(tuple[ProofView, ...]):
    """Proofs that were not read: none that are there can be taken for wanting by mistake."""

    __slots__ = ()

    def __iter__(self) -> Iterator[ProofView]:
        raise RuntimeError("The proofs of this service were not read.")


class PortNotRead:
    """A port that was not read, likewise."""

    def __bool__(self) -> bool:
        raise RuntimeError("The line of this service was not read.")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("The line of this service was not read.")


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service with its line, its address and its proofs; the password is never in it."""

    id: UUID
    branch_id: UUID
    specification: str
    playbook: str
    version: str
    title: str
    state: ServiceState
    reason: str
    order_id: UUID | None
    customer_id: UUID | None
    address_id: UUID | None
    address_short: str
    address_full: str
    account: str
    logical_id: str
    has_password: bool
    characteristics: dict[str, Any]
    proven_by: tuple[str, ...]
    proofs: tuple[ProofView, ...]
    port: PortView | None
    port_state: str
    reserved_until: datetime | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    withdrawn_at: datetime | None
    updated_at: datetime
    ext: dict[str, Any] = field(default_factory=dict)
    prove_since: datetime | None = None  # proofs before it are of another line
    lead_id: UUID | None = None  # the line it comes with in a bundle
    account_since: datetime | None = None  # when its login was changed while it worked

    @property
    def port_text(self) -> str:
        return self.port.text if self.port else ""

    @property
    def logical_id_grouped(self) -> str:
        return group_logical_id(self.logical_id)

    @property
    def password_masked(self) -> str:
        return mask_secret("x" if self.has_password else "")

    @property
    def latest(self) -> dict[str, ProofView]:
        """The latest proof of each kind."""
        newest: dict[str, ProofView] = {}
        for proof in sorted(self.proofs, key=lambda p: p.at):
            newest[proof.kind] = proof
        return newest

    @property
    def missing_proofs(self) -> tuple[str, ...]:
        """Kinds of proof still wanting before the service may be active."""
        latest = self.latest
        return tuple(
            kind
            for kind in self.proven_by
            if kind not in latest or not latest[kind].ok or not latest[kind].counts
        )


@dataclass(frozen=True, slots=True)
class LineView:
    """One line for lists: where, which account, how it stands."""

    order_id: UUID
    address_short: str
    address_full: str
    service_id: UUID
    account: str
    state: str
    title: str


@dataclass(frozen=True, slots=True)
class LineNow:
    """A service's line as it stands under the lock: port, logical identifier, terminal."""

    port: str
    logical_id: str
    serial: str


@dataclass(frozen=True, slots=True)
class ExpectedLine:
    """Where the network must see a service: access node, PON port, logical identifier.

    `access_node` is the OLT's name in the network (attribute `node`, else its name). For FTTB
    `user_port` is the ONU's port number; a splitter's output cannot be seen and is not in it.
    """

    service_id: UUID
    account: str
    access_node: str
    pon_port: str
    logical_id: str
    user_port: int | None = None
    olt_name: str = ""
