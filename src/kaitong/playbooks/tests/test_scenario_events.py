"""Scenarios hear signals and escalations as the runtime does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from kaitong.playbooks.scenarios import Run, ScenarioFailed, run
from kaitong.process import model as m
from kaitong.process.bpmn import parse
from kaitong.process.tests.shell_kit import drawing

CALLER = """
start S clerk
and Fork clerk
call K clerk called=inner
on Late clerk host=K escalation=late keep=yes
catch Wait clerk signal=ready
manual Told clerk
manual After clerk
end E clerk
end E2 clerk
end E3 clerk
S > Fork > K > E
Fork > Wait > After > E2
Late > Told > E3
"""
INNER = """
start S2 clerk
catch Storm clerk signal=storm
throw Up clerk escalation=late
throw Ready clerk signal=ready
manual In clerk
end E4 clerk
S2 > Storm > Up > Ready > In > E4
"""


def book() -> Any:
    called = {"inner": parse(drawing(INNER, "inner"), "inner.bpmn")}
    processes = {"kit": parse(drawing(CALLER), "kit.bpmn")}
    return SimpleNamespace(called=called, processes=processes, forms={}, content={}, parameters={})


def test_a_called_process_tells_its_caller_and_everybody_hears_a_signal():
    of = book()
    at = Run(cast(Any, of), of.processes["kit"], {})
    at.tell(m.Started(now=at.clock))
    assert at.standing() == "K, Wait, Storm"
    assert at.signal("storm", {}) == 1
    assert sorted(at.standing().split(", ")) == ["After", "In", "K", "Told"]
    assert at.signal("storm", {}) == 0


def test_a_scenario_throws_a_signal_by_name():
    scenario = {
        "when": [{"signal": "storm"}, {"who": "clerk", "does": "Told"}],
        "then": {"passed": ["Up", "Told", "After"], "not": ["E"]},
    }
    run(book(), "kit", scenario)
    with pytest.raises(ScenarioFailed, match="step 1: nobody waits for calm"):
        run(book(), "kit", {"when": [{"signal": "calm"}]})
