"""Decisions (DMN 1.3): tables, literal expressions, contexts, and what they require of each other.

    decisions = parse(data, "decisions/coverage.dmn")
    decisions.decide("FollowUp", {"verdict": "no-free-port"})

Pure: no database, clock or random number, no evaluation by Python. A file is refused with every
fault (file, line, cell). Where DMN hides a fault behind null, `decide` raises DecisionError,
because a process must stop visibly; `evaluate` gives the null that the standard asks for.
"""

from kaitong.process.dmn.errors import DecisionError
from kaitong.process.dmn.graph import Decision, Decisions
from kaitong.process.dmn.reader import parse

__all__ = ["Decision", "DecisionError", "Decisions", "parse"]
