"""`process signal` and `process starts` on the command line."""

from __future__ import annotations

import argparse
import json

import pytest

from kaitong.cli import signals
from kaitong.core.errors import BadInput
from kaitong.process import definitions, services, worker
from kaitong.process.models import Instance
from kaitong.process.tests.shell_kit import drawing

pytestmark = pytest.mark.django_db

STORM = """
begin S clerk signal=storm out=olt=olt
user A clerk form=a
end E clerk
S > A > E
"""


def ask(**given):
    usual = {"name": "storm", "branch": "", "id": "1", "user": "boss", "data": "", "json": False}
    return argparse.Namespace(**{**usual, **given})


@pytest.fixture
def deployed(county, staff_of):
    definitions.forget()
    staff_of(county, "boss", "supervisor")
    services.deploy(
        playbook="kit", key="kit", data=drawing(STORM), file="kit.bpmn", branch_id=county.pk
    )
    return county


def test_a_signal_thrown_begins_once(deployed, capsys):
    data = json.dumps({"olt": "OLT-1"})
    assert signals.process_signal(ask(branch=deployed.code, data=data)) == 0
    assert signals.process_signal(ask(branch=deployed.code, data=data)) == 0
    assert capsys.readouterr().out.splitlines() == ["thrown", "thrown before: nothing happened"]
    worker.drain_all()
    assert Instance.objects.get().variables == {"olt": "OLT-1"}


@pytest.mark.parametrize("data", ["{", "[1]"])
def test_data_that_is_no_object_is_refused(deployed, data):
    with pytest.raises(BadInput):
        signals.process_signal(ask(branch=deployed.code, data=data))


def test_what_begins_by_itself_is_listed(deployed, capsys):
    signals.process_starts(ask(json=True))
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["kind"], row["name"], row["process"]) == ("signal", "storm", "kit")
    signals.process_starts(ask())
    assert f"signal  storm  kit/kit  S  {deployed.code}" in capsys.readouterr().out
