"""`./run kaitong figures ...`: folding what has changed, making everything anew."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from django.http import QueryDict
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from kaitong.core.errors import BadInput, InputFault
from kaitong.ordering import facts as ordering
from kaitong.org import queries as org
from kaitong.reporting import services as reporting
from kaitong.reporting.errors import FiguresNotFound
from kaitong.web.pages import figure_report, figure_tables


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


def check(asked: argparse.Namespace) -> int:
    """Whether the summaries are what the facts say."""
    problems = reporting.check()
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


def report(asked: argparse.Namespace) -> None:
    """The report of a month (this one, if none is named) or a week, as PDF or workbook."""
    actor = org.actor_of(asked.user)
    path = Path(asked.file)
    query = QueryDict(mutable=True)
    query["period"] = "week" if asked.week else "month"
    query["at"] = asked.week or (f"{asked.month}-01" if asked.month else "")
    try:
        if query["at"]:
            date.fromisoformat(query["at"])
    except ValueError:
        fault = InputFault("--month or --week", "That is no day.", "Write 2026-11 or 2026-11-25.")
        raise BadInput([fault]) from None
    if asked.branch:
        query["branch"] = str(org.branch_by_code(asked.branch).pk)
    query["action"], query["plan"] = asked.action, asked.plan
    choice = figure_tables.read(actor, query)
    if asked.branch and choice.asked.branch_id is None:
        raise FiguresNotFound(f"There are no figures of {asked.branch}.", "Name a branch you see.")
    for name, given, known in (
        ("--action", asked.action, {*choice.actions, "all"}),
        ("--plan", asked.plan, set(choice.plans)),
    ):
        if given and given not in known:
            told = f"There is none called {given}."
            raise BadInput([InputFault(name, told, f"Known are: {', '.join(sorted(known))}.")])
    match path.suffix.lower():
        case ".pdf":
            path.write_bytes(figure_report.to_pdf(actor, choice))
        case ".xlsx":
            figure_report.to_book(actor, choice, str(path))
        case _:
            fault = InputFault(asked.file, "It is neither PDF nor XLSX.", "End it in one of them.")
            raise BadInput([fault])
    print(path)
