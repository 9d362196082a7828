"""Shipped processes are files that any BPMN tool reads: each step names its flows, each once."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from kaitong.core.home import library

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
FILES = sorted(library().glob("**/*.bpmn"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-3]}-{file.stem}")
def test_each_step_names_the_flows_that_come_and_go_once_and_in_the_order_of_the_schema(file):
    root = ET.parse(file).getroot()
    ends: dict[str, list[tuple[str, str]]] = {}
    for flow in root.iter(f"{BPMN}sequenceFlow"):
        ends.setdefault(flow.attrib["targetRef"], []).append(("incoming", flow.attrib["id"]))
        ends.setdefault(flow.attrib["sourceRef"], []).append(("outgoing", flow.attrib["id"]))
    wrong = {}
    for step in root.iter():
        wanted = ends.get(step.get("id", ""), [])
        named = [
            (child.tag.removeprefix(BPMN), child.text or "")
            for child in step
            if child.tag in (f"{BPMN}incoming", f"{BPMN}outgoing")
        ]
        kinds = [kind for kind, _flow in named]
        if sorted(named) != sorted(wanted) or kinds != sorted(kinds):
            wrong[step.get("id", step.tag)] = named
    assert wrong == {}
