"""Online payment: believed is only what is signed, of now, ours, in sum and currency; once."""

from __future__ import annotations

import json
import threading
from datetime import date, timedelta

import pytest
from django.db import connections

from kaitong.charging import arrears, books, channels
from kaitong.charging.channels import Line, Opened
from kaitong.charging.errors import ChannelAway
from kaitong.charging.models import ChannelDay, PayCallback, Payment, PayRequest
from kaitong.charging.signing import CALLBACK_ID, SIGNATURE, TIMESTAMP, signed
from kaitong.core import clock
from kaitong.core.errors import Conflict, Forbidden, NotFound, Refused
from kaitong.party import services as party

SECRET = "a-shared-secret"


@pytest.fixture
def clerk(county, staff_of):
    return staff_of(county, "clerk", "clerk")


@pytest.fixture
def boss(county, staff_of):
    return staff_of(county, "boss", "supervisor")


@pytest.fixture
def customer(clerk):
    return party.register(actor=clerk, name="王明远", phone="13855900001").id


@pytest.fixture
def channel(county):
    return channels.register_channel(
        key="lab",
        branch_id=county.parent.parent_id,
        title="测试",
        url="http://127.0.0.1:9",
        notify_url="http://127.0.0.1:8/pay/callback/lab",
        secret=SECRET,
        is_test=True,
    )


@pytest.fixture
def asked(clerk, customer, channel):
    return channels.begin(actor=clerk, customer_id=customer, amount_fen=9900, key="k")


def body_of(asked, **change) -> bytes:
    content = {
        "number": asked.number,
        "reference": "T1",
        "status": "paid",
        "amount_fen": 9900,
        "currency": "CNY",
    }
    return json.dumps({**content, **change}).encode()


def tell(body, headers=None, key="lab"):
    return channels.accept(key=key, headers=headers or signed(SECRET, body), body=body)


@pytest.mark.django_db
def test_a_signed_message_credits_the_account_once(asked, customer):
    body = body_of(asked)
    headers = signed(SECRET, body)
    assert [tell(body, headers).status for _ in range(2)] == [200, 200]
    assert tell(body).verdict == "known"  # told again under another identifier
    asked.refresh_from_db()
    assert (asked.state, asked.reference) == ("paid", "T1")
    assert (asked.payment.amount_fen, asked.payment.method) == (9900, "online")
    assert arrears.arrears(customer_id=customer).balance_fen == 9900
    assert Payment.objects.count() == 1
    assert PayCallback.objects.count() == 2
    assert books.check() == []


def forged(body):
    return signed("another-secret", body)


def changed_time(body):
    headers = signed(SECRET, body)
    return {**headers, TIMESTAMP: str(int(headers[TIMESTAMP]) + 1)}


def changed_name(body):
    return {**signed(SECRET, body), CALLBACK_ID: "another-identifier"}


def old(body):
    return signed(SECRET, body, at=clock.now().timestamp() - 301)


def ahead(body):
    return signed(SECRET, body, at=clock.now().timestamp() + 302)


def unsigned(body):
    headers = signed(SECRET, body)
    del headers[SIGNATURE]
    return headers


def odd(body):
    return {**signed(SECRET, body), SIGNATURE: "签名", TIMESTAMP: "²"}


@pytest.mark.django_db
@pytest.mark.parametrize("make", [forged, changed_time, changed_name, old, ahead, unsigned, odd])
def test_what_is_not_signed_now_is_not_heard_and_leaves_nothing(asked, make):
    body = body_of(asked)
    assert tell(body, make(body)).status == 401
    assert tell(body, signed(SECRET, body), key="none").status == 401
    assert not PayCallback.objects.exists()
    assert not Payment.objects.exists()


@pytest.mark.django_db
def test_a_body_that_was_changed_and_one_under_a_used_name_are_refused(asked):
    body, other = body_of(asked), body_of(asked, amount_fen=1)
    assert tell(other, signed(SECRET, body)).status == 401
    headers = signed(SECRET, body)
    assert tell(body, headers).status == 200
    again = signed(SECRET, other, identifier=headers[CALLBACK_ID])
    assert tell(other, again).status == 409
    assert Payment.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"amount_fen": 9901}, "mismatch"),
        ({"currency": "USD"}, "mismatch"),
        ({"number": "KT0"}, "unknown"),
        ({"amount_fen": "9900"}, "unreadable"),
        ({"amount_fen": True}, "unreadable"),
        ({"status": "maybe"}, "unreadable"),
    ],
)
def test_another_sum_or_request_credits_nothing_and_is_kept_for_people(asked, change, verdict):
    answer = tell(body_of(asked, **change))
    assert (answer.status, answer.verdict) == (422, verdict)
    assert not Payment.objects.exists()
    assert PayCallback.objects.get().verdict == verdict


@pytest.mark.django_db
def test_not_paid_then_paid_after_all(asked):
    assert tell(body_of(asked, status="failed")).verdict == "not-paid"
    asked.refresh_from_db()
    assert asked.state == "failed"
    assert tell(body_of(asked)).verdict == "credited"
    assert tell(body_of(asked, status="failed")).status == 200
    asked.refresh_from_db()
    assert asked.state == "paid"


@pytest.mark.django_db
def test_a_request_is_one_row_and_waits_while_the_channel_is_away(clerk, customer, asked):
    again = channels.begin(actor=clerk, customer_id=customer, amount_fen=9900, key="k")
    assert again.pk == asked.pk
    with pytest.raises(Conflict):
        channels.begin(actor=clerk, customer_id=customer, amount_fen=1, key="k")
    with pytest.raises(Refused):
        channels.begin(actor=clerk, customer_id=customer, amount_fen=0, key="k2")
    row = channels.ask(asked.pk)  # nobody listens at its address
    assert (row.state, "没有应答" in row.error) == ("asked", True)
    assert channels.ask(asked.pk, speak=Answering).pay_url == "http://x/pay"
    assert PayRequest.objects.get().state == "open"


class Answering:
    def __init__(self, channel):
        pass

    def ask(self, request):
        return Opened("T1", "http://x/pay")


@pytest.mark.django_db
def test_a_day_is_compared_and_what_was_never_told_is_credited_once(
    clerk, boss, customer, asked, channel
):
    paid = channels.begin(actor=clerk, customer_id=customer, amount_fen=500, key="p")
    tell(body_of(paid, amount_fen=500))
    extra = channels.begin(actor=clerk, customer_id=customer, amount_fen=700, key="e")
    tell(body_of(extra, amount_fen=700))
    wrong = channels.begin(actor=clerk, customer_id=customer, amount_fen=800, key="w")
    lines = [
        Line(asked.number, "T9", 9900, "CNY"),
        Line(paid.number, "T2", 500, "CNY"),
        Line(wrong.number, "T3", 80, "CNY"),
        Line("KT0", "T4", 1, "CNY"),
    ]

    class Stated:
        def __init__(self, channel):
            pass

        def statement(self, day):
            return lines

    from django.utils import timezone

    day = timezone.localdate(clock.now())
    compare = {"actor": boss, "channel_key": "lab", "day": day, "speak": Stated}
    with pytest.raises(NotFound):
        channels.reconcile(**compare)  # the channel is the province's
    top = type(boss)(
        id=boss.id, username="t", name="t", branch_id=channel.branch_id,
        branch_ids=(channel.branch_id, boss.branch_id), posts=boss.posts,
    )  # fmt: skip
    compare["actor"] = top
    with pytest.raises(Forbidden):
        channels.reconcile(**{**compare, "actor": clerk})
    found = channels.reconcile(**compare)
    assert found.matched == 1
    assert {row["number"]: row["what"] for row in found.differences} == {
        asked.number: "missing",
        wrong.number: "amount",
        "KT0": "unknown",
        extra.number: "extra",
    }
    for _again in range(2):
        found = channels.reconcile(**compare, credit=True)
    assert found.matched == 2
    assert Payment.objects.count() == 3
    assert ChannelDay.objects.count() == 1
    assert tell(body_of(asked)).verdict == "known"
    assert books.check() == []
    lines.append(Line(paid.number, "T5", 500, "CNY"))  # the customer paid twice for one request
    found = channels.reconcile(**compare, credit=True)
    told = {row["number"]: (row["theirs_fen"], row["ours_fen"]) for row in found.differences}
    assert told[paid.number] == (1000, 500)
    assert Payment.objects.count() == 3


@pytest.mark.parametrize(
    "body",
    [b'{"number": "KT\\u0000", "reference": "T", "amount_fen": 1, "currency": "CNY",'
     b' "status": "paid"}', b"[" * 15000, b"\xff\xfe", b"null"],
)  # fmt: skip
@pytest.mark.django_db
def test_a_signed_message_that_cannot_be_read_is_kept_as_such(channel, body):
    answer = tell(body)
    assert (answer.status, answer.verdict) == (422, "unreadable")
    assert PayCallback.objects.get().verdict == "unreadable"


@pytest.mark.django_db(transaction=True)
def test_one_payment_told_by_many_at_once_is_credited_once(county, staff_of):
    clerk = staff_of(county, "c", "clerk")
    channels.register_channel(
        key="lab", branch_id=county.pk, title="t", url="http://127.0.0.1:9",
        notify_url="http://n", secret=SECRET,
    )  # fmt: skip
    customer = party.register(actor=clerk, name="王明远", phone="13855900001").id
    asked = channels.begin(actor=clerk, customer_id=customer, amount_fen=9900, key="k")
    body = body_of(asked)
    same = signed(SECRET, body)
    gate, heard = threading.Barrier(6), []

    def told(headers):
        gate.wait(10)
        try:
            heard.append(tell(body, headers).status)
        finally:
            connections.close_all()

    each = [same, same, same, *(signed(SECRET, body) for _ in range(3))]
    threads = [threading.Thread(target=told, args=(headers,)) for headers in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert heard == [200] * 6
    assert Payment.objects.count() == 1
    assert arrears.arrears(customer_id=customer).balance_fen == 9900
    assert books.check() == []


def test_a_channel_without_an_answer_is_away():
    from types import SimpleNamespace

    nowhere = SimpleNamespace(url="http://127.0.0.1:9", secret="s", notify_url="")
    with pytest.raises(ChannelAway, match="没有应答"):
        channels.SignedChannel(nowhere).statement(date(2026, 11, 25) + timedelta(days=1))
