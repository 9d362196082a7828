"""Faults, complaints and call-backs as figures (QA-04, QA-07)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from kaitong.assurance.models import Fault, Handling, Note, Survey
from kaitong.core import horizon
from kaitong.core.clock import frozen
from kaitong.core.errors import Forbidden, NotFound
from kaitong.core.ids import uuid7
from kaitong.org.actor import Actor
from kaitong.reporting import complaints
from kaitong.reporting import services as reporting
from kaitong.reporting.definitions import SURVEYS, TICKETS
from kaitong.reporting.models import SurveyFact, TicketFact
from kaitong.reporting.queries import Asked
from kaitong.reporting.tests.test_summaries import summaries
from kaitong.worktime import queries as worktime
from kaitong.worktime import services as worktime_verbs

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEEK = Asked(grain="w", start=date(2026, 3, 2))
FIGURES = {one.key: one for one in (*TICKETS, *SURVEYS)}


@pytest.fixture
def ticket(county, monkeypatch):
    """Make a ticket as assurance keeps it; its processes are not what is tested here."""
    monkeypatch.setattr(horizon, "SLACK", timedelta())
    worktime_verbs.seed_calendar(key="cn", years=range(2025, 2027))
    worktime.forget()
    handling = Handling.objects.create(playbook="home-broadband", playbook_hash="x")

    def make(**values):
        given = {
            "branch": county,
            "handling": handling,
            "symptom": "no-light",
            "symptom_title": "光灯不亮",
            "reported_at": MONDAY,
            "due_at": MONDAY + 24 * HOUR,
        }
        return Fault.objects.create(**{**given, **values})

    yield make
    worktime.forget()


def figure(key: str, kind: str = "fault", asked: Asked = WEEK):
    found = complaints.tickets(SYSTEM, asked, since=asked.start)
    return found[kind][asked.start].value(FIGURES[key])


def said(key: str, kind: str = "call-back"):
    return complaints.surveys(SYSTEM, WEEK, since=WEEK.start)[kind][WEEK.start].value(FIGURES[key])


def test_repair_time_repeats_and_causes(ticket):
    mended = {"state": "closed", "resolved_at": MONDAY + 4 * HOUR, "place": "outside"}
    first = ticket(**mended, cause_title="外线：皮线断")
    ticket(
        **{**mended, "resolved_at": MONDAY + 30 * HOUR}, repeats=first, reopened=1,
        cause_title="外线：皮线断",
    )  # fmt: skip
    ticket(state="inProgress")
    ticket(state="rejected", state_since=MONDAY + HOUR)
    ticket(**mended, kind="complaint", cause_title="装机拖延")
    assert reporting.fold() == 5
    assert (figure("ticket_received"), figure("ticket_resolved")) == (4, 2)
    assert figure("ticket_p90") == pytest.approx(30 * 3600, rel=0.09)
    assert figure("ticket_net") == 17 * 3600
    assert figure("ticket_on_time") == 0.5
    assert figure("ticket_repeats") == figure("ticket_reopened") == pytest.approx(1 / 3)
    assert figure("ticket_resolved", "complaint") == 1
    why = [(one.kind, one.group, one.cause, one.count) for one in complaints.causes(SYSTEM, WEEK)]
    assert why == [("fault", "外线", "皮线断", 2), ("complaint", "", "装机拖延", 1)]
    added = summaries()
    reporting.recount()
    assert summaries() == added


def test_opened_again_it_is_not_repaired_until_it_is(ticket):
    made = ticket(state="resolved", resolved_at=MONDAY + 4 * HOUR)
    reporting.fold()
    assert figure("ticket_resolved") == 1
    Fault.objects.filter(pk=made.pk).update(state="inProgress", resolved_at=None, reopened=1)
    Note.objects.create(ticket_id=made.pk, kind="reopened")  # what assurance writes beside it
    assert reporting.fold() == 1
    assert figure("ticket_resolved") == 0
    assert TicketFact.objects.get().outcome == ""
    with frozen(MONDAY + 9 * HOUR):
        Fault.objects.filter(pk=made.pk).update(state="closed", resolved_at=MONDAY + 9 * HOUR)
    Note.objects.create(ticket_id=made.pk, kind="closed")
    assert reporting.fold() == 1
    assert (figure("ticket_resolved"), figure("ticket_net")) == (1, 9 * 3600)
    assert figure("ticket_reopened") == 1


def test_call_backs_say_how_content_customers_are(ticket, county):
    made = ticket(state="closed", resolved_at=MONDAY + HOUR)
    reporting.fold()
    for n, (reached, fixed, score) in enumerate(
        [(True, True, 5), (True, True, 4), (True, False, 2), (False, None, None)]
    ):
        Survey.objects.create(
            branch=county, kind="call-back", ticket=made, reached=reached, fixed=fixed, score=score,
            asked_at=MONDAY + HOUR, key=f"k{n}",
        )  # fmt: skip
    order_id = uuid7()
    Survey.objects.create(
        branch=county, kind="visit", order_id=order_id, reached=True, score=3, asked_at=MONDAY,
        key="v",
    )  # fmt: skip
    assert reporting.fold() == 2
    assert said("survey_content") == pytest.approx(2 / 3)
    assert said("survey_fixed") == pytest.approx(2 / 3)
    assert said("survey_reached") == 0.75
    assert said("survey_content", "visit") == 0
    right = summaries()
    reporting.forget()
    assert not SurveyFact.objects.exists()
    reporting.rebuild()
    assert summaries() == right


def test_only_for_who_leads_and_only_their_branch(ticket, county, other_county, staff_of):
    ticket(state="closed", resolved_at=MONDAY + HOUR)
    reporting.fold()
    own = Asked(grain="w", start=WEEK.start, branch_id=county.id)
    lead = staff_of(county, "lead", "supervisor")
    assert complaints.tickets(lead, own, since=own.start)["fault"]
    stranger = staff_of(other_county, "stranger", "supervisor")
    assert complaints.tickets(stranger, WEEK, since=own.start) == {}
    clerk = staff_of(county, "some-clerk", "clerk")
    for ask in (complaints.tickets, complaints.surveys):
        with pytest.raises(NotFound):
            ask(stranger, own, since=own.start)
        with pytest.raises(Forbidden):
            ask(clerk, own, since=own.start)
    with pytest.raises(NotFound):
        complaints.causes(stranger, own)
