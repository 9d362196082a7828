"""Orders under way carried over to a playbook's new version, and finished there."""

from __future__ import annotations

import argparse
import re
import shutil

import pytest

from kaitong.activation import nasport
from kaitong.activation.queries import line_of_account
from kaitong.cli import processes
from kaitong.core.errors import Refused
from kaitong.core.home import library
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.playbooks import carrying
from kaitong.playbooks import services as playbooks
from kaitong.process import definitions
from kaitong.process.models import Instance

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def deploy_later(tmp_path):
    """Deploy a version in which the acceptance is called otherwise, is due later, asks no more."""

    def deploy() -> str:
        shutil.copytree(library(), tmp_path / "library")
        folder = tmp_path / "library" / "home-broadband"
        bpmn = folder / "processes" / "open.bpmn"
        text = bpmn.read_text(encoding="utf-8")
        text = re.sub(r'(["/>])Accept(["<])', r"\1Callback\2", text)
        text = text.replace('name="竣工验收"', 'name="竣工回访"').replace(
            'kaitong:budget="acceptance_within"', 'kaitong:budget="callback_within"'
        )
        bpmn.write_text(text, encoding="utf-8")
        book = folder / "playbook.yaml"
        yaml = book.read_text(encoding="utf-8").replace(
            "parameters:\n",
            "parameters:\n"
            "  callback_within: {kind: working-days, default: 3 working days, why: 回访}\n",
            1,
        )
        yaml = yaml.replace("48 hours", "24 hours", 1)
        book.write_text(yaml, encoding="utf-8")
        scenarios = folder / "scenarios" / "open.yaml"
        told = scenarios.read_text(encoding="utf-8").replace("does: Accept", "does: Callback")
        scenarios.write_text(told, encoding="utf-8")
        words = folder / "locale" / "en.yaml"
        words.write_text(words.read_text(encoding="utf-8") + "竣工回访: Call-back\n", "utf-8")
        return playbooks.deploy(actor=Actor.system(), folder=folder).hash

    return deploy


def ask(capsys, *orders, apply=False, **more):
    given = {"playbook": "home-broadband", "process": "open", "map": [], "json": False}
    given |= {"user": "supervisor", "reason": "新版流程", "apply": apply}
    code = processes.process_migrate(
        argparse.Namespace(**{**given, **more}, order=[o.number for o in orders])
    )
    return code, capsys.readouterr().out


@pytest.mark.radius
def test_an_order_is_carried_over_and_finished_on_the_new_version(
    office, radius, lab, modem, deploy_later, capsys
):
    early, late = office.submit(), office.submit(address=office.plant.rooms[1])
    office.work_until(early, "Appoint")
    office.work_until(late, "Appoint")
    office.complete(late, "Appoint")
    version = deploy_later()
    definitions.forget()
    code, said = ask(capsys, early)
    assert code == 0
    assert "Appoint" in said
    assert "nothing was changed" in said
    assert Order.objects.get(pk=early.id).playbook_hash != version
    code, said = ask(capsys, early, apply=True)
    assert (code, "1 carried over" in said) == (0, True)
    order = Order.objects.get(pk=early.id)
    assert order.playbook_hash == version
    assert order.parameters["install_within"]["amount"] == "48 hours", "what was promised stands"
    assert order.parameters["callback_within"]["amount"] == "3 working days"
    assert Order.objects.get(pk=late.id).playbook_hash != version
    code, said = ask(capsys, early)
    assert "0 can be carried over" in said
    office.complete(early, "Appoint")
    office.work()
    account = office.show(early)["services"][0]["account"]
    line = nasport.pattern(lab.settings().nas_port_pattern).format(line_of_account(account))
    assert modem.start(account, line).ok
    office.complete(early, "Install")
    office.work_until(early, "Callback")
    office.complete(early, "Callback")
    office.work_until_state(early, "completed")


def test_no_reason_no_change(office, deploy_later, capsys):
    order = office.submit()
    office.work()
    deploy_later()
    definitions.forget()
    instance = Instance.objects.get(business_id=order.id)
    target = next(carrying.plans(office.people["supervisor"], "home-broadband")).to
    with pytest.raises(Refused):
        carrying.carry(
            actor=office.people["supervisor"], instance_id=instance.pk, to=target, reason=""
        )
    instance.refresh_from_db()
    assert instance.definition_id != target
    assert ask(capsys, order, apply=True, reason=" ")[0] == 1
