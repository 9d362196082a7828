"""What reconciliation (对账) must know of a kind of element: what it holds, and what that must be.

A kind that is compared has services whose account is their name at the element.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from kaitong.activation import plan, wanting
from kaitong.activation.adapters.holding import Holding
from kaitong.activation.adapters.radius import RadiusAdapter
from kaitong.activation.adapters.sip import ha1
from kaitong.activation.adapters.voice import VoiceAdapter
from kaitong.activation.choices import ElementKind
from kaitong.inventory.reckoning import Standing

Unlike = list[tuple[str, str, str]]  # field, by the inventory, at the element


class Comparing(ABC):
    """One element, beside the services that live at it."""

    @abstractmethod
    def held(self, salt: str, accounts: Sequence[str] | None = None) -> Iterator[Holding]:
        """What it holds of all accounts (or of some), by name in byte order."""

    @abstractmethod
    def unlike(self, here: Standing, there: Holding) -> Unlike:
        """Fields that differ: the inventory's value and the element's."""

    def spelled(self, account: str, password: str) -> str:
        """What the element keeps of a password, of which digests are compared."""
        return password


class AaaComparing(Comparing):
    """Accounts of an AAA server; the plan of services that are alike is worked out once."""

    def __init__(self, speaker: RadiusAdapter) -> None:
        self._speaker = speaker
        self._plans: dict[str, str] = {}

    def held(self, salt: str, accounts: Sequence[str] | None = None) -> Iterator[Holding]:
        return self._speaker.held(salt, accounts)

    def unlike(self, here: Standing, there: Holding) -> Unlike:
        barred = set(self._speaker.barred_groups.values())
        shut = [group for group in there.groups if group in barred]
        plans = [group for group in there.groups if group not in barred]
        kind = wanting.weightiest(here.suspended)
        must = [self._speaker.barred_groups.get(kind) or self._speaker.barred_group] if kind else []
        fields = _state(must, shut)
        group = self._plan(here)
        if plans != ([group] if group else []):
            fields.append(("plan", group, " ".join(plans)))
        return fields + _password(here, there)

    def _plan(self, here: Standing) -> str:
        key = json.dumps(
            [here.playbook, here.version, here.specification, here.characteristics], sort_keys=True
        )
        if key not in self._plans:
            self._plans[key] = plan.plan_group(wanting.mapped(here, ElementKind.AAA), here.playbook)
        return self._plans[key]


class VoiceComparing(Comparing):
    """Numbers of a voice platform; `groups` of what it holds are the reasons of its barring."""

    def __init__(self, speaker: VoiceAdapter) -> None:
        self._speaker = speaker

    def held(self, salt: str, accounts: Sequence[str] | None = None) -> Iterator[Holding]:
        return self._speaker.held(salt, accounts)

    def spelled(self, account: str, password: str) -> str:
        return ha1(account, self._speaker.plan.domain, password)

    def unlike(self, here: Standing, there: Holding) -> Unlike:
        kind = wanting.weightiest(here.suspended)
        return _state([kind] if kind else [], list(there.groups)) + _password(here, there)


def _state(must: Sequence[str], shut: Sequence[str]) -> Unlike:
    if list(shut) == list(must):
        return []
    return [("state", " ".join(must) or "open", " ".join(shut) or "open")]


def _password(here: Standing, there: Holding) -> Unlike:
    return [] if list(there.digests) == [here.digest] else [("password", "", "")]
