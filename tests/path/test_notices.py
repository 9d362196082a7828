"""What customers are told along an order's way: in the step's transaction, once, in their words."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction

from kaitong.cli import notices as commands
from kaitong.cli.__main__ import parser
from kaitong.core.clock import frozen, now
from kaitong.core.errors import Conflict
from kaitong.core.home import library
from kaitong.messaging import queries as notices
from kaitong.messaging import sending
from kaitong.messaging.models import Notice
from kaitong.ordering import notices as telling
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.org.models import Staff
from kaitong.places.models import Address
from kaitong.playbooks import services as playbooks
from kaitong.process import queries as process
from kaitong.process import services as verbs
from kaitong.worktime import queries as worktime

pytestmark = pytest.mark.django_db(transaction=True)

PHONE, MAIL = "13905590123", "wang@example.com"
SYSTEM = Actor.system()


def of(order, kind: str = "", channel: str = "sms") -> list[Notice]:
    rows = Notice.objects.filter(order_id=order.id, channel=channel).order_by("id")
    return list(rows.filter(kind=kind) if kind else rows)


def said(order, kind: str, channel: str = "sms") -> str:
    (row,) = of(order, kind, channel)
    return row.text


def install_of(order):
    rows = process.open_items_of(SYSTEM, [order.id])[order.id]
    return next(row for row in rows if row.node == "Install")


def test_accepted_customer_is_told_number_product_and_promise(office):
    order = office.submit()
    text = said(order, "accepted")
    for part in ("【休宁分公司】", "300M 家庭宽带", order.number, "101室", "前完成"):
        assert part in text, part
    (row,) = of(order, "accepted")
    assert (row.to, row.address, row.address_masked) == ("customer", PHONE, "139****0123")
    assert of(order, "accepted", "mail") == []  # he has no mail address
    assert [n.kind for n in of(order)] == ["accepted"]


def test_repeated_request_tells_once(office):
    office.submit(idempotency_key="k")
    order = office.submit(idempotency_key="k")
    assert len(of(order)) == 1


def test_english_customer_reads_english(office):
    asked = office.request()
    customer = replace(asked.customer, email=MAIL, language="en")
    order = office.submit(customer=customer)
    text = said(order, "accepted", "mail")
    assert f"your order {order.number}" in text
    assert "is accepted" in text
    (row,) = of(order, "accepted", "mail")
    assert (row.address, row.language) == (MAIL, "en")


def test_dispatch_names_who_comes_and_when_and_a_new_one_again(office, county, staff_of):
    mason = staff_of(county, "mason", "installer")
    Staff.objects.filter(posts__key="installer").update(phone="13855990001")
    order = office.submit()
    assert of(order, "dispatched") == []
    office.complete(order, "Appoint")
    item = install_of(order)
    text = said(order, "dispatched")
    assert item.candidate_name in text
    assert "13855990001" in text
    start = Order.objects.get(pk=order.id).appointment_start.astimezone()
    assert f"{start.month}月{start.day}日" in text
    # the same person takes it: nobody is told twice
    first = next(p for p in (office.people["installer"], mason) if p.id == item.candidate)
    other = next(p for p in (office.people["installer"], mason) if p.id != item.candidate)
    verbs.claim(actor=first, item_id=item.id)
    assert len(of(order, "dispatched")) == 1
    verbs.dispatch(actor=office.people["supervisor"], item_id=item.id, to=other.id, reason="请假")
    texts = [row.text for row in of(order, "dispatched")]
    assert len(texts) == 2
    assert f"师傅{other.name}" in texts[1]


def test_new_time_is_told_the_first_one_is_not(office):
    order = office.submit()
    office.complete(order, "Appoint")
    assert of(order, "reappointed") == []
    row = Order.objects.get(pk=order.id)
    later = row.appointment_start + timedelta(days=1)
    step = _step(office, order)
    from kaitong.ordering import answers, papers

    for _twice in range(2):
        with transaction.atomic():
            answers.appointment_start(step, later.isoformat())
        papers.renew(actor=step.actor, order_id=order.id)
    text = said(order, "reappointed")
    local = later.astimezone()
    assert f"{local.month}月{local.day}日" in text


def test_a_time_agreed_again_after_another_is_told_again(office):
    order = office.submit()
    office.complete(order, "Appoint")
    first = Order.objects.get(pk=order.id).appointment_start
    step = _step(office, order)
    from kaitong.ordering import answers, papers

    for days in (1, 2, 1, 1):
        with transaction.atomic():
            answers.appointment_start(step, (first + timedelta(days=days)).isoformat())
            papers.renew(actor=step.actor, order_id=order.id)
    said_days = [
        next(d for d in (1, 2) if f"{(first + timedelta(days=d)).astimezone().day}日" in row.text)
        for row in of(order, "reappointed")
    ]
    assert said_days == [1, 2, 1]  # the customer heard last what holds


def _step(office, order):
    item = process.work_item(SYSTEM, install_of(order).id)
    return verbs.StepContext(
        instance_id=item.instance_id,
        definition_id=item.definition_id,
        business_id=order.id,
        branch_id=item.branch_id,
        item_id=item.id,
        node=item.definition,
        token_id=item.id,
        actor=office.people["installer"],
        now=now(),
        values={},
        variables=item.variables,
        parameters=item.parameters,
    )


def test_not_covered_customer_is_told_why(office):
    Address.objects.filter(pk=office.plant.rooms[0]).update(coverage="none")
    from kaitong.inventory.models import Coverage

    Coverage.objects.filter(address_id=office.plant.rooms[0]).delete()
    order = office.submit()
    assert order.state == "rejected"
    assert "暂时不能办理" in said(order, "rejected")
    assert order.reason[:6] in said(order, "rejected")
    assert of(order, "accepted") == []


def test_refused_customer_is_told_what_was_given_back(office):
    order = office.submit(read=False)
    ordering.pay(actor=office.people["clerk"], order_id=order.id, method="cash", key="k")
    office.complete(order, "DocumentReview", decision="refuse", decision_reason="证件不符")
    text = said(order, "refused")
    assert "无法开通" in text
    assert "¥100.00" in text


def test_withdrawn_is_told_by_one_call(office):
    order = office.submit()
    for _twice in range(2):
        telling.tell(
            actor=office.people["clerk"],
            order=Order.objects.get(pk=order.id),
            when="withdrawn",
            values={"refund": 10000},
        )
    assert "¥100.00" in said(order, "withdrawn")


def test_night_notice_waits_for_the_morning(office):
    zone = worktime.calendar("cn").zone
    night = now().astimezone(zone).replace(hour=23, minute=0)
    with frozen(night):
        order = office.submit()
        assert sending.drain_all() == 0
    (row,) = of(order, "accepted")
    morning = row.next_at.astimezone(zone)
    assert (morning.hour, morning.minute) == (8, 0)
    with frozen(morning):
        assert sending.drain_all() == 1
    assert of(order, "accepted")[0].state == "sent"


def test_undone_step_tells_nobody(office):
    """What is refused in the completing transaction leaves no notice behind."""
    order = office.submit()
    with pytest.raises(Exception, match="上门时间"):
        office.complete(order, "Appoint", appointment_start="2020-01-01T09:00:00+08:00")
    assert of(order, "dispatched") == []


def test_lists_on_the_command_line_mask(office, capsys):
    order = office.submit()
    arguments = parser().parse_args(["notices", "list", "--order", order.number, "--json"])
    commands.listed(arguments)
    out = capsys.readouterr().out
    assert PHONE not in out
    (fact,) = json.loads(out)
    assert (fact["channel"], fact["state"], fact["address"]) == ("sms", "queued", "139****0123")
    asked = parser().parse_args(["notices", "retry", fact["id"], "--as", "clerk"])
    commands.retry(asked)
    sending.drain_all()
    with pytest.raises(Conflict):
        commands.retry(asked)


def test_another_branch_sees_no_notice_of_the_order(office, other_county, staff_of):
    order = office.submit()
    stranger = staff_of(other_county, "stranger", "clerk", "supervisor")
    assert notices.of_order(stranger, order.id) == []


def test_playbook_with_bad_notices_is_refused_with_every_fault(tmp_path):
    import shutil

    from kaitong.playbooks.errors import RefusedPlaybook

    shutil.copytree(library(), tmp_path / "library")
    folder = tmp_path / "library" / "home-broadband"
    book = folder / "playbook.yaml"
    text = book.read_text(encoding="utf-8")
    text = text.replace("已受理，订单号{number}", "已受理，订单号{nummer}", 1)
    text = text.replace("    quiet: quiet_hours\n    text: 【{branch}】您申请的", (
        "    quiet: night\n    post: clerk\n    text: 【{branch}】您申请的"
    ), 1)  # fmt: skip
    text = text.replace('"21:00-08:00"', '"nachts"', 1)
    text = text.replace(
        "\nnotices:\n",
        "\nnotices:\n"
        "  lost: {title: 派单通知, when: entered, to: customer, by: [sms], text: '{'}\n"
        "  crew: {title: 派单通知, when: accepted, to: staff, by: [sms], text: ok}\n",
        1,
    )
    book.write_text(text, encoding="utf-8")
    process_file = folder / "processes/open.bpmn"
    process_file.write_text(
        process_file.read_text(encoding="utf-8").replace(
            'kaitong:warn="PT4H" kaitong:escalate-to="supervisor"'
            ' kaitong:notice="dispatched running-short overdue"',
            'kaitong:warn="bald" kaitong:escalate-to="boss" kaitong:notice="accepted nobody"',
            1,
        ),
        encoding="utf-8",
    )
    with pytest.raises(RefusedPlaybook) as refused:
        playbooks.check(folder, sheets=False)
    found = "\n".join(map(str, refused.value.faults))
    for part in (
        "no place {nummer} when accepted",
        "No parameter 'night'",
        "Only staff have a post",
        "'nachts' is no span of hours",
        "cannot be read",
        "No task names it",
        "Nobody says which staff",
        "'accepted' is sent when accepted, not by a step",
        "No notice 'nobody'",
        "'bald' is no time before the due time",
        "No post 'boss'",
    ):
        assert part in found, (part, found)
