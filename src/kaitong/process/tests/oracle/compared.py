"""Both engines in step: the same thing happens to each, after it both must wait for the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

from kaitong.process.tests.oracle import words
from kaitong.process.tests.oracle.drawn import Drawn
from kaitong.process.tests.oracle.plans import Case

MOST = 400  # things that happen in one case


class Side(Protocol):
    drawn: Drawn
    trace: list[str]

    def offers(self) -> list[tuple[str, str]]: ...

    def play(self, offer: tuple[str, str], answer: dict[str, Any]) -> None: ...

    @property
    def ended(self) -> bool: ...

    @property
    def variables(self) -> dict[str, Any]: ...


class Other(Side, Protocol):
    broken: bool


class Differs(AssertionError):
    """What differs, both traces, and the process."""

    def __init__(self, what: str, case: Case, here: Side, there: Other, told: list[Any]):
        files = (drawing.text() for drawing in here.drawn.files.values())
        lines = [
            what,
            f"plan:    {case.plan}",
            f"begins:  {case.variables}",
            f"told:    {told}",
            f"here:    {' '.join(here.trace)}",
            f"there:   {' '.join(there.trace)}",
            f"open here:  {here.offers()}",
            f"open there: {there.offers()}",
            *files,
        ]
        super().__init__("\n".join(lines))


@dataclass
class Outcome:
    """What two engines did with a case.

    `excluded` names a known difference that ended the comparison early, "" if all of it was
    compared. docs/oracle.md says of each which engine is right, and why.
    """

    happened: int
    excluded: str = ""


UNCAUGHT = "an error that nobody catches at a call"
ROOT_ERROR = "an error end of the whole process beside other work"
EARLY_JOIN = "a join that goes on before each of its branches has come"
EARLY_GATHER = "an inclusive join that goes on while one of its branches is under way"
BROKEN = "the other engine fails by itself"
ENDING = "a branch that an end event may or may not have cut off"


class Excluded(Exception):
    pass


def compare(case: Case, here: Side, there: Other) -> Outcome:
    """Differs as soon as the two part ways, except where docs/oracle.md says who is right."""
    told: list[Any] = []
    try:
        for step in range(MOST):
            offers = [o for o in here.offers() if not _heard(o, here)]
            _same(here, there, offers)
            if here.ended:
                return Outcome(len(told))
            assert offers, "both are stuck"
            offer = offers[case.pick(step, len(offers))]
            answer = case.answer(step) if offer[0] != "fire" else {}
            told.append((*offer, answer))
            here.play(offer, answer)
            there.play(offer, answer)
        raise AssertionError("it does not end")
    except Excluded as known:
        return Outcome(len(told), str(known))
    except AssertionError as error:
        raise Differs(str(error), case, here, there, told) from None


def _heard(offer: tuple[str, str], here: Side) -> bool:
    """A message that does not interrupt may come again (13.5.3); the other engine hears it once."""
    return offer[1] in here.drawn.again and offer[1] in here.trace


def _same(here: Side, there: Other, offers: list[tuple[str, str]]) -> None:
    """Both stand at the same place, and came there in the same way."""
    if there.broken:
        raise Excluded(BROKEN)
    mine, other = here.trace, there.trace
    incidents = {node for what, node in offers if what == "incident"}
    if incidents:
        errors = any(name.startswith("error") for name in mine)
        assert errors, f"incidents at {incidents}"
        assert incidents <= set(here.drawn.calls), f"incidents at {incidents}"
        raise Excluded(UNCAUGHT)
    failed = {n for n in here.drawn.failing if other.count(n) > mine.count(n)}
    mine, other = ([n for n in trace if n not in failed] for trace in (mine, other))
    more, less = Counter(mine), Counter(other)
    waiting = there.offers()
    _early(here.drawn, other, less - more, {node for _what, node in waiting})
    if here.ended and mine[-1].startswith("error") and not there.ended:
        raise Excluded(ROOT_ERROR)
    different = (more - less) + (less - more)
    if different:
        if all(_cut_off(node, here) for node in different):
            raise Excluded(ENDING)
        raise AssertionError(f"executed differently: here {more - less}, there {less - more}")
    assert offers == waiting, "they wait for different things"
    assert here.ended == there.ended, f"ended here: {here.ended}, there: {there.ended}"
    found = disorder(mine, other, here.drawn.apart)
    assert not found, f"the model orders {' and '.join(found or ())}, the engines differ about it"
    ours, theirs = here.variables, there.variables
    for name in words.NAMES:
        assert ours[name] == theirs[name], f"{name} is {ours[name]} here, {theirs[name]} there"


def _early(drawn: Drawn, other: list[str], early: Counter[str], waiting: set[str]) -> None:
    """Excluded if a join of the other engine provably went on too early (13.4.1, 13.4.3)."""
    for join, before in drawn.joins.items():
        if early[join] and other.count(join) > min(other.count(last) for last in before):
            raise Excluded(EARLY_JOIN)
    for gather, branches in drawn.gathers.items():
        if early[gather] and (branches & waiting or _overtaken(drawn, other, gather)):
            raise Excluded(EARLY_GATHER)


def _overtaken(drawn: Drawn, trace: list[str], gather: str) -> bool:
    """Whether a branch of an inclusive join went on after it, or it went on twice in one round."""
    gone = False
    for node in trace:
        if node == drawn.openers[gather]:
            gone = False
        elif gone and (node == gather or node in drawn.gathers[gather]):
            return True
        gone = gone or node == gather
    return False


def _cut_off(node: str, side: Side) -> bool:
    """Whether the node stands beside an end event that ended all in this very run."""
    ends = [name for name in side.trace if name.startswith(("terminate", "error"))]
    return any(frozenset((node, end)) in side.drawn.apart for end in ends)


def disorder(
    here: list[str], there: list[str], apart: set[frozenset[str]]
) -> tuple[str, str] | None:
    """Two nodes the model orders that came in different orders: of such a pair both traces, with
    all else left out, must be the same."""
    nodes = sorted(set(here))
    for at, a in enumerate(nodes):
        for b in nodes[at:]:
            if frozenset((a, b)) in apart:
                continue
            pair = (a, b)
            if [n for n in here if n in pair] != [n for n in there if n in pair]:
                return pair
    return None
