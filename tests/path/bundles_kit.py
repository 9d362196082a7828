"""A network kept in memory, for what ordering does with bundles: every element holds accounts and
answers proofs by what it holds. What real platforms answer is tested where they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kaitong.activation import kinds, wanting
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Adapter,
    Conversation,
    Outcome,
    Proof,
    ProofKind,
    ProofResult,
    Reading,
    Subject,
)
from kaitong.activation.choices import ElementKind
from kaitong.activation.errors import Unreachable
from kaitong.activation.kinds.base import Kind


@dataclass
class Network:
    """What elements hold, by kind and name; and which terminals are there, by name."""

    held: dict[str, dict[str, AccountChange]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    down: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)  # take what they are told, and do not do it

    def standing(self, kind: str) -> dict[str, str]:
        return {name: one.state.value for name, one in self.held.get(kind, {}).items()}


class MemoryAdapter(Adapter):
    def __init__(self, network: Network, kind: str) -> None:
        self.network, self.kind = network, kind

    def _accounts(self) -> dict[str, AccountChange]:
        if self.kind in self.network.down:
            raise Unreachable(f"{self.kind} 没有应答。")
        return self.network.held.setdefault(self.kind, {})

    def bring(
        self,
        account: str,
        desired: Callable[[], AccountChange],
        talk: Conversation,
        *,
        dry_run: bool = False,
    ) -> Outcome:
        accounts, change = self._accounts(), desired()
        if self.kind in self.network.deaf:
            return Outcome(0)
        if change.state is AccountState.ABSENT:
            return Outcome(int(accounts.pop(account, None) is not None))
        accounts[account] = change
        return Outcome(1)

    def read(self, account: str, talk: Conversation) -> Reading:
        found = self._accounts().get(account)
        return Reading(found.state if found else AccountState.ABSENT)

    def prove(self, subject: Subject, kind: ProofKind, talk: Conversation) -> Proof:
        found = self._accounts().get(subject.account)
        in_it = (
            found is not None
            and found.state is AccountState.OPEN
            and found.password == subject.password
        )
        match kind:
            case ProofKind.LINE:
                there = subject.account in self.network.seen and found is not None
                result = ProofResult.PROVEN if there else ProofResult.NOT_SEEN
            case ProofKind.REMOVED:
                result = ProofResult.PROVEN if found is None else ProofResult.STILL_OPEN
            case ProofKind.SUSPENDED:
                shut = found is not None and found.barred_for == subject.barred_for
                result = ProofResult.PROVEN if shut else ProofResult.STILL_OPEN
            case _:
                result = ProofResult.PROVEN if in_it else ProofResult.REFUSED
        known = bool(subject.former_password)
        facts = {"account": subject.account, "answer": result.value}
        facts |= {"expected": {}, "old_password_known": known}
        return Proof(kind, result, facts)


class MemoryKind(Kind):
    def __init__(self, network: Network, key: ElementKind) -> None:
        self.network, self.key = network, key  # type: ignore[misc]
        self.has_password = key != ElementKind.DHCP  # type: ignore[misc]

    def adapter(self, connection: Any, secrets: Any) -> Adapter:
        return MemoryAdapter(self.network, self.key)

    def name(self, service: Any) -> str:
        if self.key == ElementKind.DHCP:
            return str(wanting.mapped(service, self.key)["circuit_id"] or "")
        return str(service.account)

    def desired(self, service, element, *, password, barred_for, former):
        return AccountChange(
            account=self.name(service),
            state=AccountState.BARRED if barred_for else AccountState.OPEN,
            password=password,
            barred_for=barred_for,
            former=former,
        )

    def sentence(self, proof: Proof) -> str:
        return f"{self.key} {proof.facts['account']}: {proof.result}"


def install(monkeypatch, network: Network) -> None:
    """From now on every element is in memory."""
    for key in (ElementKind.AAA, ElementKind.VOICE, ElementKind.DHCP):
        monkeypatch.setitem(kinds._KINDS, key, MemoryKind(network, key))
