"""What an action may refuse in words is caught by the shipped processes: work for people, not an
incident (BB-04, BB-13)."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from kaitong.core.home import library

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
ACTION = "{urn:kaitong:bpmn}action"
ACCOUNT, ACCEPTED, ONLINE = "account-not-proven", "login-accepted", "still-online"
REFUSES = {
    "activation.prove-account": {ACCOUNT, ACCEPTED, ONLINE},
    "activation.prove-suspended": {ACCEPTED, ONLINE},
    "activation.prove-removed": {ACCEPTED},
    "activation.prove-password": {"password-not-proven", ACCEPTED, ONLINE},
    "activation.prove-renamed": {ACCOUNT, ACCEPTED, ONLINE},
    "activation.prove-plan": {"plan-not-proven", ACCEPTED, ONLINE},
    "activation.prove-line": {"line-not-proven"},
    "activation.change-plan": {"not-changed-live"},
    "activation.disconnect": {ONLINE},
    "activation.suspend": {"wrong-state"},  # where it makes the suspension itself
    "ordering.suspend": {"wrong-state"},
    "ordering.suspend-arrears": {"wrong-state"},
    "ordering.check-documents": {"document-invalid"},
    "ordering.assign-port": {"no-port"},
    "ordering.reserve-move": {"no-port"},
    "ordering.reserve-parts": {"part-not-had"},
    "ordering.take-turn": {"busy"},
    "ordering.recheck": {"not-now"},
}
# A line that never worked cannot be shut off, so that its proof never asks for a refusal.
NEVER = {
    ("open", "ProveAccount"): {ACCEPTED, ONLINE},
    ("open", "ProvePartsAccount"): {ACCEPTED, ONLINE},
    # telephones and boxes have no sessions: none is asked to change them, none stands
    ("reset-password", "ProveTelephone"): {ONLINE},
    ("change-plan", "SendParts"): {"not-changed-live"},
    ("change-plan", "SendFormerParts"): {"not-changed-live"},
    ("change-plan", "ProveParts"): {ONLINE},
    ("change-plan", "ProveFormerParts"): {ONLINE},
}
PROCESSES = [
    file
    for shelf in ("home-broadband", "common/line", "fixed-line")
    for file in sorted((library() / shelf / "processes").glob("*.bpmn"))
]


@pytest.mark.parametrize(
    "file", PROCESSES, ids=lambda file: f"{file.parent.parent.name}-{file.stem}"
)
def test_each_refusal_of_an_action_leads_to_somebody(file):
    root = ET.parse(file).getroot()
    codes = {one.get("id"): one.get("errorCode") for one in root.iter(f"{BPMN}error")}
    caught: dict[str, set[str]] = {}
    for event in root.iter(f"{BPMN}boundaryEvent"):
        for error in event.iter(f"{BPMN}errorEventDefinition"):
            caught.setdefault(event.get("attachedToRef", ""), set()).add(
                codes[error.get("errorRef")]
            )
    lost = {}
    for task in root.iter(f"{BPMN}serviceTask"):
        name = task.get("id", "")
        refuses = REFUSES.get(task.get(ACTION, ""), set())
        if task.get(ACTION) == "activation.suspend" and "reason" not in str(task.attrib):
            refuses = set()
        left = refuses - caught.get(name, set()) - NEVER.get((file.stem, name), set())
        if left:
            lost[name] = sorted(left)
    assert lost == {}


def test_every_refusal_there_is_stands_in_the_table():
    src = Path(__file__).parents[2]
    found = set()
    for package in ("activation", "ordering"):
        for file in (src / package).glob("*.py"):
            text = file.read_text()
            names = dict(re.findall(r"^([A-Z_]+) = \"([a-z-]+)\"", text, re.MULTILINE))
            for word in re.findall(r"raise BusinessError\(\s*([A-Z_]+|\"[a-z-]+\")", text):
                found.add(names.get(word, word.strip('"')))
    assert found == set().union(*REFUSES.values())
