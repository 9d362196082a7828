"""docs/examples/office, written from docs/ alone: deployed and run to its end by the command line.

A decision, work for each of many, a timer, a script, and an account that is proven.
"""

from __future__ import annotations

import json
from datetime import timedelta
from importlib import import_module

import pytest

from kaitong.cli.grammar import parser
from kaitong.core import clock
from kaitong.core.home import REPOSITORY
from kaitong.playbooks import scenarios, services
from kaitong.process.models import Instance

pytestmark = [pytest.mark.django_db(transaction=True)]
EXAMPLE = REPOSITORY / "docs" / "examples" / "office"


def run(capsys, *words: str) -> str:
    """One command as it is typed, in this process; what it printed."""
    asked = parser().parse_args(words)
    module, _, name = asked.handler.rpartition(".")
    assert not getattr(import_module(f"kaitong.cli.{module}"), name)(asked)
    return capsys.readouterr().out.strip()


def test_it_is_without_fault_and_its_scenarios_pass():
    outcomes = scenarios.run_all(services.check(EXAMPLE))
    assert [name for name, problem in outcomes if problem] == []
    assert len(outcomes) == 4


@pytest.mark.radius
def test_an_order_runs_from_the_command_line_to_its_end(office, radius, capsys):
    run(capsys, "playbook", "deploy", str(EXAMPLE))
    order_id = run(
        capsys, "order", "submit", str(REPOSITORY / "examples" / "office-order.json"),
        "--as", "clerk",
    )  # fmt: skip

    def open_work() -> dict[str, str]:
        rows = json.loads(run(capsys, "work", "list", "--order", order_id, "--json"))
        return {row["id"]: row["node"] for row in rows}

    def complete(node: str, who: str, **answers: object) -> None:
        item = next(id_ for id_, name in open_work().items() if name == node)
        data = ("--data", json.dumps(answers)) if answers else ()
        run(capsys, "work", "complete", item, "--as", who, *data)

    complete("Survey", "installer", outlets=3, wall="concrete")
    complete("Agree", "supervisor")
    assert list(open_work().values()) == ["Outlet"] * 3
    for metres in (20, 35, 12):
        complete("Outlet", "installer", metres=metres)
    assert open_work() == {}
    (wait,) = json.loads(run(capsys, "order", "show", order_id, "--json"))["waiting"]
    assert (wait["node"], wait["kind"]) == ("Dry", "timer")
    office.work()
    instance = Instance.objects.get(business_id=order_id)
    assert "total_metres" not in instance.variables  # concrete: four hours
    with clock.frozen(clock.now() + timedelta(hours=4, minutes=1)):
        for _round in range(4):  # the timer, then the commands to the network
            office.work()
    instance.refresh_from_db()
    assert instance.variables["total_metres"] == 67
    facts = json.loads(run(capsys, "order", "show", order_id, "--json"))
    assert facts["state"] == "completed"
    (service,) = facts["services"]
    assert (service["state"], service["account"][:5]) == ("active", "xnoff")
    assert {proof["kind"]: proof["ok"] for proof in service["proof"]} == {"account": True}
