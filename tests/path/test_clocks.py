"""The two clocks of a real order: the customer's stands for the customer's causes only, whatever
brings the suspension to its end; and both say why, on every face."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from python_calamine import CalamineWorkbook

from kaitong.cli.__main__ import parser
from kaitong.cli.orders import why
from kaitong.core.clock import frozen
from kaitong.core.errors import Refused
from kaitong.documents.models import Attachment
from kaitong.ordering import clock, responsibility
from kaitong.ordering import queries as orders
from kaitong.ordering.models import OrderNote
from kaitong.org.actor import Actor
from kaitong.org.models import Staff
from kaitong.playbooks import suspending
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process import worker
from kaitong.process.models import Suspension

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system()
MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)  # 09:00 in China
HOUR = timedelta(hours=1)


@pytest.fixture
def order(office):
    with frozen(MONDAY):
        yield office.submit()


def suspend(office, order, code, hours):
    from kaitong.core.clock import now

    item = office.item(order, "Appoint")
    process_verbs.suspend(
        actor=office.people["installer"],
        item_id=item.id,
        reason_code=code,
        note="说明",
        until=now() + hours * HOUR,
    )
    return item.id


def due(order):
    return orders.order(SYSTEM, order.id).due_at


def test_the_customers_clock_stands_for_the_customers_causes_only(office, order):
    """practice.md: waiting for resource never stops the customer's clock."""
    assert due(order) == MONDAY + 48 * HOUR
    with frozen(MONDAY + HOUR):
        item = suspend(office, order, "resource", 24)
        assert due(order) == MONDAY + 48 * HOUR
        step = process.work_item(SYSTEM, item).due_at
    with frozen(MONDAY + 2 * HOUR):
        process_verbs.resume(actor=office.people["installer"], item_id=item)
        assert process.work_item(SYSTEM, item).due_at < step
        suspend(office, order, "customer-away", 24)
        assert due(order) == MONDAY + 72 * HOUR  # as expected to end
    with frozen(MONDAY + 5 * HOUR):
        process_verbs.resume(actor=office.people["installer"], item_id=item)
        assert due(order) == MONDAY + 51 * HOUR  # as it ended
    notes = OrderNote.objects.filter(order_id=order.id, kind="due-moved")
    assert [n.data["why"] for n in notes] == ["ledger", "ledger"]
    row = orders.order(SYSTEM, order.id)
    spent = clock.spent(row.id, row.due_basis, row.ordered_at, MONDAY + 10 * HOUR)
    assert (spent.gross, spent.net) == (10 * HOUR, 7 * HOUR)


def test_waking_by_itself_and_withdrawing_end_the_customers_suspension_too(office, order):
    with frozen(MONDAY + HOUR):
        suspend(office, order, "customer-away", 10)
    with frozen(MONDAY + 12 * HOUR):
        worker.drain_all()
        assert due(order) == MONDAY + (48 + 11) * HOUR  # it stood until a worker came
    assert Suspension.objects.get().ended == MONDAY + 12 * HOUR


def test_a_correction_moves_both_clocks(office, order):
    with frozen(MONDAY + HOUR):
        item = suspend(office, order, "customer-away", 10)
    with frozen(MONDAY + 9 * HOUR):
        process_verbs.resume(actor=office.people["installer"], item_id=item)
        assert due(order) == MONDAY + 56 * HOUR
        process_verbs.correct_suspension(
            actor=office.people["supervisor"],
            suspension_id=Suspension.objects.get().pk,
            why="其实是等资源",
            reason_code="resource",
        )
    assert due(order) == MONDAY + 48 * HOUR


def test_why_says_so_on_the_command_line_and_in_the_interface(office, order, capsys, monkeypatch):
    with frozen(MONDAY + HOUR):
        item = suspend(office, order, "customer-away", 51)

        def told(words):
            asked = parser().parse_args(["why", words, "--json"])
            why(asked)
            return json.loads(capsys.readouterr().out)

        customer, step, phase = told(order.number)
        assert (phase["clock"], phase["title"], phase["state"]) == ("phase", "上门阶段", "stopped")
        assert (customer["clock"], customer["state"]) == ("customer", "stopped")
        assert "2026-03-02 周一 09:00 收到" in customer["why"]
        assert "挂起“客户外出或联系不上”" in customer["why"]
        assert "共 2 天 3 小时" in customer["why"]
        assert [step] == told(str(item))
        assert "到期" in step["why"]
        from django.utils.translation import override

        with override("en"):
            english = told(order.number)[0]["why"]
        assert "received Mon 2 Mar 2026 09:00" in english
        assert "suspended 2 d 3 h (" in english
        assert english.rpartition("; ")[2].startswith("due ")


def played(office, order):
    """An order with a bit of everything: waiting, a dispatch, both sorts of suspension."""
    installer, boss = office.people["installer"], office.people["supervisor"]
    item = office.item(order, "Appoint").id
    with frozen(MONDAY + HOUR + timedelta(seconds=7, microseconds=250_000)):
        process_verbs.dispatch(actor=boss, item_id=item, to=installer.id)
    with frozen(MONDAY + 2 * HOUR):
        process_verbs.claim(actor=installer, item_id=item)
    with frozen(MONDAY + 3 * HOUR):
        suspend(office, order, "customer-away", 24)
    with frozen(MONDAY + 5 * HOUR):
        process_verbs.resume(actor=installer, item_id=item)
        suspend(office, order, "resource", 24)
    with frozen(MONDAY + 9 * HOUR):
        process_verbs.resume(actor=installer, item_id=item)
        process_verbs.transfer(actor=boss, item_id=item, post="network", reason="误派")
    return item


def test_the_sheet_of_who_held_it_adds_up_to_the_gross_time(office, order):
    played(office, order)
    with frozen(MONDAY + 10 * HOUR):
        found = responsibility.sheet(orders.order(SYSTEM, order.id))
    assert (found.gross, found.net) == (10 * HOUR, 8 * HOUR)
    assert sum((r.holding.counted for r in found.rows), timedelta()) == found.gross
    assert sum((t.counted for t in found.totals), timedelta()) == found.gross
    held = [
        (str(r.holding.kind), r.holding.post, r.person, r.holding.cause)
        for r in found.rows
        if r.holding.node == "Appoint"
    ]
    assert held == [
        ("work", "installer", "", ""),  # in the queue
        ("work", "installer", "installer", ""),  # dispatched
        ("work", "installer", "installer", ""),  # in hand
        ("suspended", "installer", "installer", "customer"),
        ("suspended", "installer", "installer", "resource"),
        ("work", "network", "", ""),
    ]
    # a machine waits for its element beside, and whoever could act answers first
    parties = {(t.party, t.post): t.counted for t in found.totals}
    assert parties["ours", "installer"] == 3 * HOUR
    assert parties["ours", "network"] == HOUR


def test_the_sheet_is_a_page_two_files_and_a_print(office, order, client):
    item = played(office, order)
    with frozen(MONDAY + 11 * HOUR):
        first = Suspension.objects.filter(workitem_id=item).order_by("since").first()
        client.force_login(Staff.objects.get(username="supervisor"))
        url = reverse("web:suspension_correct", args=[order.id, first.pk])
        assert "客户外出" in client.get(url).content.decode()
        nothing = client.post(url, {"reason": first.reason_code, "why": "x"})
        assert nothing.status_code == 409
        answer = client.post(url, {"reason": "resource", "why": "其实是等资源"})
        assert answer.status_code == 302, answer.content.decode()
        page = client.get(reverse("web:order", args=[order.id]) + "?tab=duty").content.decode()
        assert "等待资源" in page
        assert "其实是等资源" in page
        assert "11:00:00" in page  # the gross time to the second
        data = client.get(reverse("web:duty_csv", args=[order.id])).content
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
        assert sum(int(row[-1]) for row in rows[1:-1]) == int(rows[-1][-1]) == 11 * 3600
        book = b"".join(client.get(reverse("web:duty_xlsx", args=[order.id])).streaming_content)
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0)
        assert len(sheet.to_python()) == len(rows)
        pdf = client.get(reverse("web:duty_pdf", args=[order.id]))
        assert pdf.content[:5] == b"%PDF-"
        client.force_login(Staff.objects.get(username="installer"))
        assert client.post(url, {"reason": "weather", "why": "x"}).status_code == 409


def test_evidence_is_kept_with_the_line_and_asked_for_where_the_playbook_does(office, order):
    installer = office.people["installer"]
    with frozen(MONDAY + HOUR):
        item = office.item(order, "Appoint")
        given = {
            "actor": installer,
            "item_id": item.id,
            "reason_code": "customer-site",
            "note": "墙未完工",
            "until": MONDAY + 30 * HOUR,
        }
        with pytest.raises(Refused, match="凭据"):
            suspending.suspend(**given)
        shot = suspending.store_evidence(actor=installer, item_id=item.id, data=_jpeg())
        suspending.suspend(**given, evidence=[shot.pk])
    assert Suspension.objects.get().evidence == [str(shot.pk)]
    kept = Attachment.objects.get(pk=shot.pk)
    assert (kept.owner_id, kept.pending_until) == (order.id, None)


def _jpeg() -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (640, 480), "grey").save(out, "JPEG")
    return out.getvalue()
