"""What a change of a line asks of the database: bounded, so that it does not creep back."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.apps import apps
from django.db import connection

from kaitong.core import plain, wire
from kaitong.core.models import Plain
from kaitong.process import commands
from tests.path.test_changes import SYSTEM, ask, at_work, now_is, prove

pytestmark = [pytest.mark.django_db(transaction=True)]
MOST = 145  # of suspending a line, from the customer's proof to the end
MOST_DJANGOS = 14  # of them those that Django compiles anew each time; there were 130


class Counted(list):
    @property
    def djangos(self):
        return [sql for sql, how in self if how == "django"]


@contextmanager
def statements(monkeypatch):
    """Every statement of this thread, by whoever's way it goes."""
    found, asked = Counted(), wire.Line.ask

    def by_wire(self, *statements, **how):
        found.extend((text, "wire") for text, _params in statements)
        return asked(self, *statements, **how)

    def by_django(execute, sql, params, many, context):
        found.append((str(sql), "django"))
        return execute(sql, params, many, context)

    with monkeypatch.context() as patch, connection.execute_wrapper(by_django):
        patch.setattr(wire.Line, "ask", by_wire)
        yield found


@pytest.mark.radius
def test_statements_of_a_change_and_rows_read_plainly(office, radius, lab, modem, monkeypatch):
    service = at_work(office, lab, modem)
    modem.stop(service.account)  # nothing to cut: no waiting, and always as many statements
    for key, what, reason in (
        ("k1", "suspend", "customer.away"),
        ("k2", "resume", "customer.back"),
        ("k3", "suspend", "customer.away"),
    ):
        with statements(monkeypatch) as found:
            prove(office, service, what)
            order = ask(office, service, what, key=key, reason=reason)
            while commands.drain(10):
                pass
        office.work_until_state(order, "completed", 60)
    assert now_is(service).state == "inactive"
    told = "\n".join(sorted(f"{how}: {sql[:150]}" for sql, how in found))
    assert len(found) <= MOST, told
    assert len(found.djangos) <= MOST_DJANGOS, told

    # what all of this has left is read by either way alike, whatever the table
    models = [m for m in apps.get_models() if issubclass(m, Plain) and plain.reads(m)]
    met = 0
    for model in models:
        for row in plain.where(model, "true order by id desc limit 5"):
            met += 1
            other = model.objects.get(pk=row.pk)
            for field in model._meta.concrete_fields:
                mine, djangos = row.__dict__[field.attname], other.__dict__[field.attname]
                if isinstance(djangos, memoryview):
                    djangos = bytes(djangos)
                assert mine == djangos, f"{model.__name__}.{field.name}"
                assert type(mine) is type(djangos), f"{model.__name__}.{field.name}"
    assert met > 60
    assert SYSTEM.is_system
