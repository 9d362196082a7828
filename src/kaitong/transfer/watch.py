"""Watching a long piece of work: which stage, how far, how fast, how long yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Watch(Protocol):
    """Told of stages and how far each is. May raise to end the work: nothing is written then."""

    def stage(self, name: str, total: int) -> None: ...

    def tick(self, done: int) -> None: ...


class Nobody:
    """Nobody watches."""

    def stage(self, name: str, total: int) -> None:
        pass

    def tick(self, done: int) -> None:
        pass


@contextmanager
def on_screen() -> Iterator[Watch]:
    """A bar for each stage with rate and estimate; without a terminal one line a stage."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f}/s" if speed else "")

    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )

    class Bars:
        def __init__(self) -> None:
            self.task = None

        def stage(self, name: str, total: int) -> None:
            if not console.is_terminal:
                console.print(f"· {name} ({total:,})")
            if self.task is not None:
                progress.update(self.task, completed=progress.tasks[-1].total)
            self.task = progress.add_task(name, total=total)

        def tick(self, done: int) -> None:
            if self.task is not None:
                progress.update(self.task, completed=done)

    with progress:
        bars = Bars()
        yield bars
        if bars.task is not None:
            progress.update(bars.task, completed=progress.tasks[-1].total)
