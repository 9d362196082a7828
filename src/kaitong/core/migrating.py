"""Migrating an empty database in a fraction of the time.

Django renders, after every operation, the touched model and everything related to it anew; here
nearly everything is related to the branch, so that a fresh database spends nine tenths of its time
there. Creating a table needs only the new model, and an index, a constraint or a trigger only its
name on the model's list. The migrations stay what they are, and so does the schema: a test compares
both ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.db.migrations.operations import AddConstraint, AddIndex
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ModelState, ProjectState
from pgtrigger.migrations import AddTrigger

_OPTIONS = (AddIndex, AddConstraint, AddTrigger)


def migrate(*, verbosity: int = 0, skip_checks: bool = False) -> None:
    """Bring the database to this version, whatever is in it."""
    options = {"verbosity": verbosity, "interactive": False, "skip_checks": skip_checks}
    if MigrationRecorder(connection).applied_migrations():
        call_command("migrate", **options)
        return
    with lightly():
        call_command("migrate", **options)


@contextmanager
def lightly() -> Iterator[None]:
    """Within the block project states render only what the next operations need."""
    add_model, reload_model = ProjectState.add_model, ProjectState.reload_model
    forwards: dict[Any, Any] = {kind: kind.state_forwards for kind in _OPTIONS}
    quiet = False

    def only_the_new(self: ProjectState, model_state: ModelState) -> None:
        rendered = self.__dict__.pop("apps", None)  # so that nothing related is reloaded
        add_model(self, model_state)
        if rendered is not None:
            self.__dict__["apps"] = rendered
            self.is_delayed = True  # code that reads models gets all of them anew
            rendered.render_multiple([model_state])

    def unless_quiet(
        self: ProjectState, app_label: str, model_name: str, delay: bool = False
    ) -> None:
        if not quiet:
            reload_model(self, app_label, model_name, delay)
        elif "apps" in self.__dict__:
            self.is_delayed = True
            options = self.models[app_label, model_name.lower()].options
            meta = self.apps.get_model(app_label, model_name)._meta
            for name in ("indexes", "constraints"):
                setattr(meta, name, list(options.get(name, [])))

    def quietly(kind: Any) -> Any:
        def state_forwards(self: Any, app_label: str, state: ProjectState) -> None:
            nonlocal quiet
            quiet = True
            try:
                forwards[kind](self, app_label, state)
            finally:
                quiet = False

        return state_forwards

    ProjectState.add_model = only_the_new  # type: ignore[method-assign]
    ProjectState.reload_model = unless_quiet  # type: ignore[method-assign]
    for kind in _OPTIONS:
        kind.state_forwards = quietly(kind)  # type: ignore[method-assign]
    try:
        yield
    finally:
        ProjectState.add_model = add_model  # type: ignore[method-assign]
        ProjectState.reload_model = reload_model  # type: ignore[method-assign]
        for kind in _OPTIONS:
            kind.state_forwards = forwards[kind]  # type: ignore[method-assign]
