"""A loaded playbook: everything of the folder, checked, immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kaitong.playbooks.forms import Form
from kaitong.process.model import Model

PHOTO_PURPOSE = "photo_purpose"  # the parameter that says what photos may be used for


@dataclass(frozen=True)
class Playbook:
    """`hash` is the SHA-256 over every file's path and bytes; orders pin it."""

    key: str
    title: str
    hash: str
    content: Mapping[str, Any]  # playbook.yaml
    forms: Mapping[str, Form]  # by path in the folder
    processes: Mapping[str, Model]  # by key of `processes:`
    called: Mapping[str, Model]  # by key of `called:`, each after those it calls
    bpmn: Mapping[str, bytes]  # of both
    decisions: Mapping[str, bytes]  # DMN files by path in the folder
    english: Mapping[str, str]
    scenarios: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters as orders pin them: budgets as {kind, amount}, everything else its value."""
        from kaitong.playbooks.schema import BUDGET_KINDS

        return {
            name: {"kind": entry["kind"], "amount": entry["default"]}
            if entry["kind"] in BUDGET_KINDS
            else entry["default"]
            for name, entry in self.content.get("parameters", {}).items()
        }
