"""A playbook that calls processes: checked, walked by scenarios, deployed, worked through."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kaitong.core.ids import uuid7
from kaitong.org.actor import Actor
from kaitong.playbooks import loader, scenarios, services
from kaitong.playbooks.errors import RefusedPlaybook
from kaitong.playbooks.wiring import ACTIONS, TARGETS
from kaitong.process import definitions, worker
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process.models import Definition, Instance
from kaitong.process.sweeper import check

LIBRARY = Path(__file__).parent / "library"
RELOCATION = LIBRARY / "relocation"


def load(folder: Path) -> loader.Playbook:
    return loader.load(folder, actions=frozenset(ACTIONS), writes=TARGETS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(LIBRARY, tmp_path / "library")
    return tmp_path / "library" / "relocation"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_called_processes_come_after_those_they_call():
    book = load(RELOCATION)
    assert list(book.called) == ["visit", "both-ends"]
    assert set(book.bpmn) == {"visit", "both-ends", "move"}


@pytest.mark.parametrize("scenario", load(RELOCATION).scenarios["move"], ids=lambda s: s["name"])
def test_scenarios_walk_through_called_processes(scenario):
    scenarios.run(load(RELOCATION), "move", scenario)


def test_a_scenario_names_what_waits_in_a_called_process():
    wrong = {"when": [{"who": "clerk", "does": "Confirm"}]}
    with pytest.raises(scenarios.ScenarioFailed, match="the order is at Call, Old, New, Visit"):
        scenarios.run(load(RELOCATION), "move", wrong)
    other = {"when": [{"who": "clerk", "does": "Visit"}]}
    with pytest.raises(scenarios.ScenarioFailed, match="Visit is the work of installer"):
        scenarios.run(load(RELOCATION), "move", other)


def test_the_hash_follows_shared_processes(folder):
    before = loader.fingerprint(folder)
    change(folder.parent / "common/processes/visit.bpmn", "上门并测光", "上门、测光")
    assert loader.fingerprint(folder) != before


@pytest.mark.parametrize(
    ("file", "old", "new", "element", "what"),
    [
        ("playbook.yaml", "/common/processes/visit.bpmn", "/common/processes/no.bpmn",
         "called.visit", "No file"),
        ("playbook.yaml", "/common/processes/visit.bpmn", "/../relocation/../../x.bpmn",
         "called.visit", "No file"),
        ("playbook.yaml", "  both-ends: {file", "  move: {file", "called.move", "another process"),
        ("processes/move.bpmn", 'calledElement="both-ends"', 'calledElement="all-ends"',
         "callActivity Call", "no process all-ends"),
        ("processes/move.bpmn", 'calledElement="both-ends"', 'calledElement="move"',
         "callActivity Call", "no process move"),
        ("processes/both-ends.bpmn", 'calledElement="visit"', 'calledElement="both-ends"',
         "called.both-ends", "calls itself"),
        ("../common/processes/visit.bpmn", "forms/visit.json", "forms/none.json", "Visit",
         "No form"),
        ("../common/processes/visit.bpmn", 'name="上门"', 'name="外出"', "外出", "No English"),
        ("scenarios/move.yaml", "does: Visit", "does: Vist", "Vist", "No such step"),
    ],
)  # fmt: skip
def test_faults(folder, file, old, new, element, what):
    change(folder / file, old, new)
    with pytest.raises(RefusedPlaybook) as refused:
        load(folder)
    found = refused.value.faults
    assert any(f.element == element and what in f.what for f in found), found


@pytest.fixture
def moving(county, staff_of):
    """The playbook deployed, and one order's process of it begun."""
    definitions.forget()
    services.deploy(actor=Actor.system(), folder=RELOCATION)
    book = load(RELOCATION)
    definition = Definition.objects.get(playbook="relocation", key="move")
    people = {
        "installer": staff_of(county, "fitter", "installer"),
        "clerk": staff_of(county, "clerk", "clerk"),
    }
    instance_id = process_verbs.start(
        actor=people["clerk"],
        definition_id=definition.pk,
        business_id=uuid7(),
        branch_id=county.pk,
        variables={"service_id": "s-1"},
        parameters={
            **book.parameters,
            "playbook": {"key": book.key, "hash": book.hash},
        },
    )
    worker.drain_all()
    return instance_id, people


def visits(people):
    return process.work_items(people["installer"], node="Visit").rows


@pytest.mark.django_db(transaction=True)
def test_an_order_walks_through_called_processes(moving):
    instance_id, people = moving
    business_id = Instance.objects.get(pk=instance_id).business_id
    assert {row.business_id for row in visits(people)} == {business_id}
    assert [f.title for f in process.waits([instance_id])[instance_id]] == ["上门", "上门"]
    for row, power in zip(visits(people), (-18, -21), strict=True):
        data = {"outcome": "done", "power": power}
        services.complete_work(actor=people["installer"], item_id=row.id, data=data)
    worker.drain_all()
    confirm = process.work_items(people["clerk"], node="Confirm").rows[0]
    variables = Instance.objects.get(pk=instance_id).variables
    assert sorted([variables["old_power"], variables["new_power"]]) == [-21, -18]
    services.complete_work(actor=people["clerk"], item_id=confirm.id, data={})
    assert Instance.objects.get(pk=instance_id).state == "completed"
    assert check() == []


@pytest.mark.django_db(transaction=True)
def test_a_customer_who_declines_takes_the_other_visit_away(moving):
    instance_id, people = moving
    row = visits(people)[0]
    services.complete_work(actor=people["installer"], item_id=row.id, data={"outcome": "declined"})
    worker.drain_all()
    assert Instance.objects.get(pk=instance_id).state == "completed"
    assert list(visits(people)) == []
    states = Instance.objects.values_list("definition__key", "state").order_by("pk")
    assert sorted(states) == [
        ("both-ends", "terminated"),
        ("move", "completed"),
        ("visit", "cancelled"),
        ("visit", "terminated"),
    ]
    assert check() == []


@pytest.mark.django_db(transaction=True)
def test_deploying_again_changes_nothing(moving):
    before = set(Definition.objects.values_list("pk", flat=True))
    services.deploy(actor=Actor.system(), folder=RELOCATION)
    assert set(Definition.objects.values_list("pk", flat=True)) == before
