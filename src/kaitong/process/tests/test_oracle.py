"""The runtime against an independent engine: random processes here and on SpiffWorkflow.

Both are given the same processes and, in step, the same events; after each they must wait for the
same things, and in the end have executed the same, in the order the model gives, with the same
variables. docs/oracle.md says what is generated and where which engine is right.

`--nightly` (or KAITONG_ORACLE_RUNS) raises the number of processes and draws others every time.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from kaitong.process import actions, definitions
from kaitong.process.tests.oracle import compared
from kaitong.process.tests.oracle.compared import Differs, compare
from kaitong.process.tests.oracle.kaitong_side import Here
from kaitong.process.tests.oracle.mutants import MUTANTS, Sow
from kaitong.process.tests.oracle.plans import Case, cases
from kaitong.process.tests.oracle.shell_side import Shell
from kaitong.process.tests.oracle.spiff_side import There
from kaitong.process.tests.shell_kit import transactional

RUNS = int(os.environ.get("KAITONG_ORACLE_RUNS", "200"))
IN_SHELL = max(20, RUNS // 10)  # of them through the database
FAULTS_WITHIN = 500  # most are found within a few dozen; a rare combination may take longer
EVERY_NIGHT = RUNS > 200  # other processes each time
# At most this share of the processes may end in a known difference before all was compared.
EXCLUDED = 0.03

# Each kind of node is executed at least so often in 200 processes.
_SEEN: dict[str, int] = dict.fromkeys(
    (
        *("user", "manual", "timer", "catch", "receive", "say", "send", "set", "jump", "place"),
        *("either", "some", "gather", "fork", "join", "race", "ask", "call", "sub", "on", "merge"),
    ),
    5,
) | {"terminate": 1, "error": 1, "wait": 3, "shout": 1, "tells": 1, "raise": 1}


def oracle(examples: int) -> Any:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=not EVERY_NIGHT,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        print_blob=EVERY_NIGHT,
        suppress_health_check=list(HealthCheck),
    )


def tally(outcomes: Counter[str]) -> None:
    """The known differences must stay rare, or the oracle says little."""
    excluded = outcomes.total() - outcomes[""]
    print(
        f"{outcomes.total()} processes, of them excluded: {dict(outcomes - Counter({'': 10**9}))}"
    )
    assert excluded <= max(2, EXCLUDED * outcomes.total()), outcomes


@pytest.mark.timeout(3_600)
def test_both_engines_do_the_same() -> None:
    outcomes: Counter[str] = Counter()
    seen: Counter[str] = Counter()

    @oracle(RUNS)
    @given(case=cases())
    def both(case: Case) -> None:
        here = Here(case)
        outcomes[compare(case, here, There(case)).excluded] += 1
        seen.update(name.rstrip("0123456789") for name in here.trace)

    both()
    tally(outcomes)
    assert outcomes.total() >= RUNS
    rare = {kind: seen[kind] for kind, least in _SEEN.items() if seen[kind] < least * RUNS // 200}
    assert not rare, f"hardly ever executed: {rare}"


@pytest.mark.timeout(3_600)
@pytest.mark.django_db
def test_the_whole_shell_does_the_same(crew: Any, county: Any) -> None:
    outcomes: Counter[str] = Counter()
    definitions.forget()

    @oracle(IN_SHELL)
    @given(case=cases())
    def both(case: Case) -> None:
        with actions.installed(transactional("work", lambda context: {})):
            here = Shell(case, crew.clerk, county.pk)
            outcomes[compare(case, here, There(case)).excluded] += 1

    both()
    tally(outcomes)


class Caught(Exception):
    pass


@pytest.mark.parametrize("sow", MUTANTS, ids=lambda sow: sow.__name__)
def test_a_sown_fault_is_found(sow: Sow, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token game with a fault does not pass: else the oracle would be no proof."""

    @settings(oracle(FAULTS_WITHIN), phases=(Phase.generate,), derandomize=True)
    @given(case=cases())
    def both(case: Case) -> None:
        there = There(case)
        try:
            compare(case, Here(case), there)
        except Differs:
            raise Caught from None
        except AssertionError:  # the shell in memory saw it first
            raise Caught from None

    sow(monkeypatch)
    with pytest.raises(Caught):
        both()


def test_what_the_model_does_not_order_is_left_aside() -> None:
    apart = {frozenset(("a", "b"))}
    assert compared.disorder(["a", "b", "c"], ["b", "a", "c"], apart) is None
    assert compared.disorder(["a", "c", "b"], ["c", "a", "b"], apart) == ("a", "c")
    assert compared.disorder(["a", "c", "a"], ["a", "a", "c"], apart) == ("a", "c")
