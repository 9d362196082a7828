"""`./run lab up|down|status tax|pay`: the platforms to practise with, told to Kaitong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kaitong.lab import known, pay, tax, telling
from kaitong.lab.practice import PracticeLab


@dataclass(frozen=True)
class Platform:
    """The commands of one platform."""

    key: str
    kind: str
    lab: Callable[[], PracticeLab[Any]]
    register: Callable[[Any], bool]  # tells Kaitong; False while there is nobody to tell

    def up(self, as_json: bool) -> None:
        settings = self.lab().up()
        told = False
        if known.reachable():
            from django.db import DatabaseError

            with contextlib.suppress(DatabaseError):
                told = self.register(settings)
        line = f"{self.key}: up, {settings.url}{', Kaitong knows it' if told else ''}"
        telling.came(as_json, self._facts(settings, running=True), line)

    def down(self, as_json: bool) -> None:
        telling.went(as_json, self.key, self.lab().down())

    def status(self) -> tuple[str, dict[str, Any]] | None:
        """A line and the facts, None when it was never started here."""
        lab = self.lab()
        settings = lab.settings()
        if settings is None:
            return None
        running = lab.running()
        state = "up" if running else "down"
        line = f"{self.key}: {state}, {settings.url}, shared secret {settings.secret}"
        return line, self._facts(settings, running=running)

    def _facts(self, settings: Any, *, running: bool) -> dict[str, Any]:
        return {
            "element": self.key,
            "kind": self.kind,
            "running": running,
            "host": settings.host,
            "port": settings.port,
            "secret": settings.secret,
        }


TAX = Platform("tax", "tax-platform", tax.TaxLab, tax.register)
PAY = Platform("pay", "pay-channel", pay.PayLab, pay.register)
