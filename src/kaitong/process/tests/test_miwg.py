"""The OMG's interchange files (BPMN MIWG): each parses, with an exact verdict.

None of them is executable as it is: they are pictures of processes. The verdicts beside this file,
`miwg/NAME.txt`, hold every reason with its line and element, read against the files one by one; a
reason more or less fails here. Files whose reasons only want words added are then mended as the
remedies say, and executed. They stand in the shared folder and count as missing without it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kaitong.process.bpmn import parse
from kaitong.process.model import Fault, Model, RefusedProcess
from kaitong.process.tests.core_kit import Game

VERDICTS = Path(__file__).parent / "miwg"
NAMES = sorted(path.stem for path in VERDICTS.glob("*.txt"))


@pytest.fixture
def folder(shared: Path) -> Path:
    return shared / "standards" / "bpmn-miwg"


def faults_of(data: bytes, name: str) -> list[Fault]:
    with pytest.raises(RefusedProcess) as refused:
        parse(data, name)
    return refused.value.faults


def test_there_is_a_verdict_for_every_file(folder: Path) -> None:
    assert sorted(path.stem for path in folder.glob("*.bpmn")) == NAMES
    assert len(NAMES) == 8


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_is_exact(folder: Path, name: str) -> None:
    data = (folder / f"{name}.bpmn").read_bytes()
    found = faults_of(data, f"{name}.bpmn")
    told = [f"{fault.line} {fault.element}: {fault.what}" for fault in found]
    assert told == (VERDICTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert all(fault.remedy for fault in found)
    lines = data.decode("latin-1").splitlines()
    for fault in found:  # the line it names is the element's, or lies within it
        tag, _, id_ = fault.element.partition(" ")
        if id_ and not fault.what.startswith("The condition is"):
            above = "\n".join(lines[: fault.line])
            assert f'id="{id_}"' in above, fault
            assert tag in above, fault


def mended(data: bytes, found: list[Fault]) -> bytes:
    """The file as the remedies say: executable, tasks made manual and in a lane, conditions."""
    text = data.decode("latin-1")
    tasks = [f.element.split()[1] for f in found if f.element.startswith("task ")]
    for fault in found:
        if fault.what == "The process is not executable.":
            text = text.replace('isExecutable="false"', 'isExecutable="true"')
        elif "without a condition" in fault.what:
            flow = fault.element.split()[1]
            condition = (
                f'<semantic:conditionExpression>way = "{flow}"'.replace('"', "&quot;")
                + "</semantic:conditionExpression>"
            )
            text = re.sub(
                rf'(<semantic:sequenceFlow [^>]*id="{flow}"[^>]*)/>',
                rf"\1>{condition}</semantic:sequenceFlow>",
                text,
            )
    text = re.sub(r"<(/?)semantic:task\b", r"<\1semantic:manualTask", text)
    members = "".join(f"<semantic:flowNodeRef>{id_}</semantic:flowNodeRef>" for id_ in tasks)
    lanes = f'<semantic:laneSet id="own"><semantic:lane id="clerk">{members}</semantic:lane>'
    text = re.sub(r"(<semantic:process [^>]*>)", rf"\1{lanes}</semantic:laneSet>", text, count=1)
    return text.encode("latin-1")


def run(model: Model, **variables: object) -> Game:
    game = Game(model, **variables)
    for _step in range(50):
        if game.state:
            break
        for node in sorted(game.work.values()):
            game.complete(node)
    return game


def test_a_sequence_is_executed_once_its_remedies_are_heeded(folder: Path) -> None:
    data = (folder / "A.1.0.bpmn").read_bytes()
    model = parse(mended(data, faults_of(data, "A.1.0.bpmn")), "A.1.0.bpmn")
    game = run(model)
    assert game.state == "completed"
    names = [model.nodes[node].name for node in game.went()]
    assert names == ["Start Event", "Task 1", "Task 2", "Task 3", "End Event"]


def test_gateways_are_executed_once_their_remedies_are_heeded(folder: Path) -> None:
    data = (folder / "A.2.0.bpmn").read_bytes()
    found = faults_of(data, "A.2.0.bpmn")
    ways = [f.element.split()[1] for f in found if "without a condition" in f.what]
    model = parse(mended(data, found), "A.2.0.bpmn")
    went = {}
    for way in ways:
        game = run(model, way=way)
        assert game.state == "completed"
        went[way] = tuple(model.nodes[node].name for node in game.went() if model.nodes[node].lane)
    assert len(set(went.values())) == len(ways) == 3
