"""The engine's bounds are an installation's to set, and hold as they are set."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from kaitong.process import bounds

PLAY = """
from kaitong.process.tests.core_drawing import Drawing, many
from kaitong.process.tests.core_kit import Game
drawing = Drawing().start().end().user("A", many(cardinality="n")).chain("start", "A", "end")
game = Game(drawing.model(), n={n})
print(game.state or sorted(set(game.at)), len(game.incidents))
"""


def played(n: int, **given: str) -> str:
    """What becomes of n instances in an installation of these bounds."""
    done = subprocess.run(
        [sys.executable, "-c", PLAY.replace("{n}", str(n))],
        env={**os.environ, **given, "DJANGO_SETTINGS_MODULE": "kaitong.settings.test"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_an_installation_sets_them() -> None:
    assert played(3) == "['A'] 0"
    assert played(3, KAITONG_MOST_INSTANCES="2") == "['A'] 1"  # an incident at the activity
    assert played(3, KAITONG_MOST_INSTANCES="3") == "['A'] 0"


@pytest.mark.parametrize("text", ["0", "-1", "1e3", "viele", "٣", "10001", "1.5"])
def test_what_is_no_such_number_is_refused_by_name(text: str) -> None:
    told = "KAITONG_MOST_INSTANCES=.*: give a whole number from 1 to 10000"
    with pytest.raises(ValueError, match=told):
        bounds.number("KAITONG_MOST_INSTANCES", 500, 10_000, {"KAITONG_MOST_INSTANCES": text})


def test_what_is_not_given_is_as_documented() -> None:
    assert bounds.number("KAITONG_STEP_ACTIONS", 200, 10_000, {}) == 200
    assert bounds.number("KAITONG_STEP_ACTIONS", 200, 10_000, {"KAITONG_STEP_ACTIONS": " "}) == 200
    given = {"KAITONG_STEP_ACTIONS": "7"}
    assert bounds.number("KAITONG_STEP_ACTIONS", 200, 10_000, given) == 7
