"""The demo's hall: a queue that lives now, weeks that have figures, told once."""

from __future__ import annotations

import pytest
from django.utils import timezone

from kaitong.core.clock import now
from kaitong.demo import hall, opinions
from kaitong.hall import queries
from kaitong.hall.models import Event, Ticket
from kaitong.org.queries import actor_of
from kaitong.reporting import services as reporting
from kaitong.reporting.models import OpinionFact, VisitFact
from kaitong.surveys.models import Answer


@pytest.mark.django_db
def test_a_living_queue_and_weeks_before_it(branch, monkeypatch):
    monkeypatch.setattr(hall, "DAYS", 2)
    assert hall.tell() > 0
    seen = queries.hall(actor_of("greeter"))
    states = {one.state for one in seen.tickets}
    assert {"waiting"} <= states
    assert states & {"called", "serving"}
    assert len(seen.seats) == 3
    day = timezone.localdate(now())
    past = Ticket.objects.filter(day__lt=day)
    assert past.values("day").distinct().count() == 2
    assert not past.filter(state__in=["waiting", "called", "serving"]).exists()
    assert not Event.objects.filter(at__gt=now()).exists()
    before = Ticket.objects.count()
    hall.tell()
    assert Ticket.objects.count() == before
    assert opinions.tell() > 20  # who was served says how it was
    assert opinions.tell() == 0
    assert Answer.objects.filter(bad=True, invitation__instance_id=None).exists()  # nobody to call
    assert not Answer.objects.filter(answered_at__gt=now()).exists()
    reporting.fold()
    assert OpinionFact.objects.filter(source="hall", score__gt=0).exists()
    assert VisitFact.objects.filter(outcome="served", waited__gt=0).exists()
