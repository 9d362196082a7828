"""Several faults in one place are one trouble (群障): proposed, confirmed, mended once for all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from kaitong.assurance import services as assurance
from kaitong.assurance.models import CommonCause, Fault, HandOver
from kaitong.core.clock import now
from kaitong.documents.models import Paper
from kaitong.messaging.models import Notice
from kaitong.org.actor import Actor
from kaitong.process import worker
from kaitong.web.tests import fault_world as faults


@pytest.fixture
def staffed(world):
    faults.menders(world)
    return world


def confirm(client, cause, *, verdict="yes"):
    return client.post(
        f"/faults/causes/{cause.pk}/work/{faults.item(cause.pk, 'Confirm')}",
        {"verdict": verdict, "side": "outside", "expected_hours": "4", "finding": "同箱无光"},
    )


def states(*rows: Fault) -> list[str]:
    return [Fault.objects.get(pk=row.pk).state for row in rows]


def test_two_faults_of_one_splitter_are_mended_once(staffed, signed_in):
    one = faults.report(staffed, faults.line(staffed, 1))
    assert not CommonCause.objects.exists()
    two = faults.report(staffed, faults.line(staffed, 2))
    cause = CommonCause.objects.get()
    assert (cause.state, cause.level, cause.number[:6]) == ("proposed", "splitter", "XN-QZ-")
    assert {f.common_cause_id for f in Fault.objects.all()} == {cause.pk}

    monitor = signed_in("monitor")
    page = monitor.get(f"/faults/causes/{cause.pk}/").content.decode()
    assert one.number in page
    assert confirm(monitor, cause).status_code == 302
    worker.drain_all()
    cause.refresh_from_db()
    assert (cause.state, cause.affected) == ("confirmed", 2)
    assert states(one, two) == ["held", "held"]
    assert faults.standing(one.pk) == []
    assert Paper.objects.filter(order_id=cause.pk, kind="repair-order").count() == 1

    third = faults.line(staffed, 3)
    agent = signed_in("hotline")
    told = agent.get("/faults/new/", {"service": third.pk}).content.decode()
    assert f"群障 {cause.number} 正在抢修" in told
    late = faults.report(staffed, third)
    assert (late.common_cause_id, late.state) == (cause.pk, "held")
    assert Notice.objects.filter(order_id=late.pk, kind="attached").exists()

    mender = signed_in("transmission")
    mender.post(
        f"/faults/causes/{cause.pk}/work/{faults.item(cause.pk, 'CableMend')}",
        {"mended": "true", "mend_note": "更换尾纤"},
    )
    monitor.post(
        f"/faults/causes/{cause.pk}/work/{faults.item(cause.pk, 'Verify')}",
        {"restored": "yes", "finding": "分光器入纤中断"},
    )
    worker.drain_all()
    cause.refresh_from_db()
    assert cause.state == "resolved"
    assert states(one, two, late) == ["resolved"] * 3
    assert faults.standing(late.pk) == ["CallBack"]
    assert Fault.objects.get(pk=one.pk).cause_title == "群障：分光器入纤中断"
    book = monitor.get(f"/faults/causes/{cause.pk}/affected.xlsx")
    assert book.status_code == 200
    assert book.content[:2] == b"PK"


def test_not_a_common_cause_lets_each_go_on(staffed, signed_in):
    one = faults.report(staffed, faults.line(staffed, 1))
    two = faults.report(staffed, faults.line(staffed, 2))
    cause = CommonCause.objects.get()
    confirm(signed_in("monitor"), cause, verdict="no")
    worker.drain_all()
    cause.refresh_from_db()
    assert cause.state == "dismissed"
    assert states(one, two) == ["acknowledged"] * 2
    assert faults.standing(one.pk) == ["PreHandle"]
    assert not Fault.objects.filter(common_cause__isnull=False).exists()


def test_wrong_person_and_foreign_branch(staffed, signed_in):
    faults.report(staffed, faults.line(staffed, 1))
    faults.report(staffed, faults.line(staffed, 2))
    cause = CommonCause.objects.get()
    assert confirm(signed_in("installer"), cause).status_code == 409
    foreigner = signed_in("foreigner")
    assert foreigner.get(f"/faults/causes/{cause.pk}/").status_code == 404
    assert foreigner.get(f"/faults/causes/{cause.pk}/affected.xlsx").status_code == 404
    cause.refresh_from_db()
    assert cause.state == "proposed"


def test_a_wider_cause_takes_the_narrower_ones_faults(staffed):
    for serial in range(1, 9):  # the first box is full
        line = faults.line(staffed, serial)
        if serial < 3:
            faults.report(staffed, line)
    narrow = CommonCause.objects.get()
    faults.report(staffed, faults.line(staffed, 9))  # the second box of the same PON port
    wide = CommonCause.objects.get(level="pon")
    narrow.refresh_from_db()
    assert (narrow.state, wide.state) == ("merged", "proposed")
    assert wide.faults.count() == 3
    worker.drain_all()
    assert faults.standing(narrow.pk) == []


def test_an_alarm_proposes_and_takes_what_was_reported(staffed):
    fault = faults.report(staffed, faults.line(staffed, 1))

    def alarm(*, cleared: bool = False):
        return assurance.report_alarm(
            Actor.system(),
            source="snmp",
            source_id="los-1",
            element="XN-HY-OLT01",
            component="0/3/6",
            kind="pon-los",
            severity="critical",
            at=now(),
            cleared=cleared,
            text="",
        )

    alarm()
    cause = CommonCause.objects.get()
    assert (cause.level, cause.by_alarm, cause.state) == ("pon", True, "proposed")
    fault.refresh_from_db()
    assert fault.common_cause_id == cause.pk
    assert alarm(cleared=True).cleared_at is not None
    cause.refresh_from_db()
    assert cause.state == "proposed"  # people end it, not a trap


@pytest.mark.django_db(transaction=True)
def test_two_faults_at_once_are_one_cause(staffed):
    lines = [faults.line(staffed, serial) for serial in (1, 2, 3, 4)]

    def act(service):
        try:
            return faults.report(staffed, service).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(act, lines))
    assert len(set(made)) == 4
    assert CommonCause.objects.exclude(state="merged").count() == 1
    assert Fault.objects.filter(common_cause__state="proposed").count() == 4


@pytest.mark.django_db(transaction=True)
def test_the_same_line_reported_twice_at_once_is_one_fault(staffed):
    service = faults.line(staffed)

    def act(who):
        try:
            return faults.report(staffed, service, by=who).pk
        except Exception as refused:
            return type(refused).__name__
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        told = list(threads.map(act, ("hotline", "hotline2")))
    assert Fault.objects.count() == 1
    assert "WrongFaultState" in told


@pytest.mark.django_db(transaction=True)
def test_confirming_and_reporting_at_once_leaves_nobody_behind(staffed, signed_in):
    first = [faults.report(staffed, faults.line(staffed, n)) for n in (1, 2)]
    late = faults.line(staffed, 3)
    cause = CommonCause.objects.get()
    client = signed_in("monitor")

    def confirming():
        try:
            return confirm(client, cause).status_code
        finally:
            connections.close_all()

    def reporting():
        try:
            return faults.report(staffed, late).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(confirming), threads.submit(reporting)]
        assert done[0].result() == 302
        third = Fault.objects.get(pk=done[1].result())
    worker.drain_all()
    assert states(*first, third) == ["held"] * 3


def test_hand_over_is_signed_by_both(staffed, signed_in):
    fault = faults.report(staffed, faults.line(staffed))
    giver, taker = signed_in("hotline"), signed_in("hotline2")
    other = staffed.actor("hotline2")
    assert signed_in("transmission").post("/faults/hand-over/", {"to": other.id}).status_code == 403
    assert giver.post("/faults/hand-over/", {"to": "", "key": "a"}).status_code == 409
    data = {"to": other.id, "notes": "注意横江花园", "key": "a"}
    for _twice in range(2):
        giver.post("/faults/hand-over/", data)
    row = HandOver.objects.get()
    assert [one["number"] for one in row.content] == [fault.number]
    assert giver.post("/faults/hand-over/", {**data, "key": "b"}).status_code == 409
    assert giver.post(f"/faults/hand-over/{row.pk}/take").status_code == 409
    taker.post(f"/faults/hand-over/{row.pk}/take", {"answer": "已核对"})
    row.refresh_from_db()
    assert (row.state, row.answer) == ("taken", "已核对")
    sheet = Paper.objects.get(order_id=row.pk)
    page = taker.get(f"/faults/hand-over/{row.pk}/").content.decode()
    assert f"/papers/{sheet.pk}.pdf" in page
    assert taker.get(f"/papers/{sheet.pk}.pdf").content[:4] == b"%PDF"
    assert giver.post(f"/faults/hand-over/{row.pk}/withdraw").status_code == 409


def test_a_complaint_is_answered_and_asked_about(staffed, signed_in):
    service = faults.line(staffed)
    clerk = signed_in("clerk")
    clerk.post(
        "/faults/new/",
        {"kind": "complaint", "service": service.pk, "symptom": "late", "channel": "hall"},
    )
    ticket = Fault.objects.get(kind="complaint")
    assert ticket.number.startswith("XN-TS-")

    def act(who, node, **answers):
        found = faults.item(ticket.pk, node)
        return signed_in(who).post(f"/faults/{ticket.pk}/work/{found}", answers)

    act("service", "Clarify", clarified="handle")
    act("supervisor", "HandleComplaint", fault_cause="service.late", answer_note="致歉")
    act("service", "AskContent", reached="yes", fixed="no", score="1", unhappy="time.slow")
    ticket.refresh_from_db()
    assert (ticket.state, ticket.reopened) == ("inProgress", 1)
    act("supervisor", "HandleComplaint", fault_cause="service.late", answer_note="上门致歉")
    act("service", "AskContent", reached="yes", fixed="yes", score="4")
    ticket.refresh_from_db()
    assert ticket.state == "closed"
    scores = list(ticket.surveys.order_by("asked_at").values_list("score", "reason_title"))
    assert scores == [(1, "时间：修得慢"), (4, "")]
