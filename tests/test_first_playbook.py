"""docs/first-playbook.md: what it quotes is what stands in its example, and the example works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kaitong.playbooks import scenarios, services

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "first-playbook.md"
EXAMPLE = REPOSITORY / "docs" / "examples" / "campus"
QUOTES = re.findall(r"```\w+ (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_quotes_every_kind_of_file():
    assert {Path(file).suffix for file, _text in QUOTES} == {".yaml", ".bpmn", ".json"}
    assert len(QUOTES) >= 10


@pytest.mark.parametrize(("file", "text"), QUOTES)
def test_what_is_quoted_stands_in_the_example(file, text):
    assert text in (EXAMPLE / file).read_text(encoding="utf-8")


def test_the_example_is_without_fault_and_its_scenarios_pass():
    outcomes = list(scenarios.run_all(services.check(EXAMPLE)))
    assert len(outcomes) == 5
    assert [problem for _name, problem in outcomes if problem] == []
