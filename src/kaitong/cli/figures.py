"""`./run kaitong figures ...`: folding what has changed, making everything anew."""

from __future__ import annotations

import argparse
from datetime import date

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from kaitong.core.errors import BadInput, InputFault
from kaitong.ordering import facts as ordering
from kaitong.reporting import services as reporting


def fold(asked: argparse.Namespace) -> None:
    """Read again what has changed since the last time, as a worker does every minute."""
    print(reporting.fold())


def rebuild(asked: argparse.Namespace) -> None:
    """Read every order again and make the summaries anew."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        bar = progress.add_task("", total=ordering.count())
        done = reporting.rebuild(told=lambda count: progress.update(bar, completed=count))
    print(done)


def recount(asked: argparse.Namespace) -> None:
    """Make the summaries anew from the facts: all, or those that hold a day."""
    try:
        day = date.fromisoformat(asked.day) if asked.day else None
    except ValueError:
        fault = InputFault("--day", "That is no day.", "Write it like 2026-11-25.")
        raise BadInput([fault]) from None
    print(reporting.recount(day))
