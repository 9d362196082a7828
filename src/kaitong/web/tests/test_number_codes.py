"""One-time codes by short message at the counter (VER-11, VER-12): sent to the bound number or to
the one that is to be bound; short-lived, of one clerk, once, counted with all other proofs."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections

from kaitong.charging import services as charging
from kaitong.core import clock
from kaitong.core.ids import uuid7
from kaitong.messaging import sending
from kaitong.messaging import services as messaging
from kaitong.messaging.errors import NoticeConflict
from kaitong.messaging.models import Notice
from kaitong.ordering import bindings
from kaitong.ordering.models import Authentication, NumberCode, Order, ServiceChange
from kaitong.org.actor import Actor
from kaitong.party.names import parse_phone
from kaitong.web.tests.test_changing import hidden, place, said
from kaitong.web.tests.world import resident_number

NUMBER, FRESH = "13855900001", "13855907777"
SYSTEM = Actor.system()


@pytest.fixture
def line(world):
    """A line in use, a number bound to it."""
    made = world.line()
    charging.void_due(actor=SYSTEM, order_id=made.order_id)
    order = Order.objects.get(pk=made.order_id)
    bindings.bind(order, item_id="1", case="home-300-family", number=parse_phone(NUMBER))
    return made


@pytest.fixture
def at(line, part):
    """`at(client, "send")`: a step of the proof by code; the page as text."""

    def do(client, step: str, code: str = "", number: str = NUMBER, procedure="suspend") -> str:
        url = place(line, procedure) + {"send": "code", "prove": "prove"}[step]
        given = {"kind": "number-code", "bound_number": number, "code": code}
        return client.post(url, given, headers=part).content.decode()

    return do


def codes() -> list[str]:
    """What was sent, the oldest first."""
    rows = Notice.objects.filter(kind="number_code").order_by("pk")
    return [re.search(r"验证码(\d{6})", row.text).group(1) for row in rows]


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_a_code_proves_the_customer_once_and_stands_nowhere(line, at, signed_in, part, caplog):
    caplog.set_level(logging.DEBUG)
    clerk = signed_in("clerk")
    page = clerk.get(place(line)).content.decode()
    assert "绑定手机号码加短信验证码" in page
    page = at(clerk, "send")
    assert "验证码已发送到 138****0001" in page
    assert re.search(r'data-wait="(5\d|60)"', page)
    (code,) = codes()
    assert code not in page
    notice = Notice.objects.get(kind="number_code")
    assert (notice.address, notice.address_masked) == (NUMBER, "138****0001")
    with pytest.raises(NoticeConflict):
        messaging.reveal_text(actor=SYSTEM, notice_id=notice.pk, reason="test")
    with pytest.raises(NoticeConflict):
        messaging.retry(actor=SYSTEM, notice_id=notice.pk)

    assert "验证码不对" in at(clerk, "prove", other_than(code))
    other = signed_in("supervisor")  # the code is the clerk's who had it sent
    assert "没有给这个号码发过验证码" in at(other, "prove", code)
    page = at(clerk, "prove", code)
    assert "绑定手机号码加短信验证码，已通过" in page
    given = {**hidden(page), "reason": "customer.away"}
    done = clerk.post(place(line), given, headers=part)
    assert "HX-Redirect" in done.headers
    assert ServiceChange.objects.get().authentication.kind == "number-code"
    assert list(Authentication.objects.values_list("ok", flat=True).order_by("pk")) == [
        False, False, True,
    ]  # fmt: skip
    assert NumberCode.objects.get().ended_at is not None  # once
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"select coalesce(string_agg(t::text, ''), '') from \"{table}\" t")
            rows = cursor.fetchone()[0]
            assert f"验证码{code}" not in rows, table
            if table.startswith(("ordering", "messaging", "core", "pghistory", "process")):
                assert not re.search(rf'[",(]{code}[",)]', rows), table
    assert not re.search(rf"\b{code}\b", caplog.text)


def test_a_code_is_sent_again_only_after_a_while_and_so_often_and_ends_the_one_before(
    line, at, signed_in
):
    clerk, start = signed_in("clerk"), clock.now()
    at(clerk, "send")
    assert "秒后可以重发" in at(clerk, "send")
    assert "秒后可以重发" in at(signed_in("supervisor"), "send")  # nor by another clerk
    assert len(codes()) == 1
    with clock.frozen(start + timedelta(seconds=70)):
        at(clerk, "send")
        first, second = codes()
        if first != second:
            assert "验证码不对" in at(clerk, "prove", first)
    with clock.frozen(start + timedelta(minutes=7)):
        assert "没有给这个号码发过验证码，或验证码已失效" in at(clerk, "prove", second)
    for minute in (8, 10, 12):
        with clock.frozen(start + timedelta(minutes=minute)):
            at(clerk, "send")
    with clock.frozen(start + timedelta(minutes=14)):
        assert "验证码发送次数已满" in at(clerk, "send")
    assert len(codes()) == 5
    # what nobody can use any more is not sent
    with clock.frozen(start + timedelta(minutes=30)):
        sending.drain_all()
    assert set(Notice.objects.filter(kind="number_code").values_list("state", "trouble")) == {
        ("failed", "too-late")
    }


def test_a_code_and_a_proof_serve_the_procedure_and_the_order_they_were_asked_for(
    line, signed_in, part
):
    """What was said for one thing does not authorise another (VER-12)."""
    clerk, mine, other = signed_in("clerk"), str(uuid7()), str(uuid7())

    def post(procedure: str, step: str, key: str, **given: str) -> str:
        given |= {"kind": "number-code", "bound_number": NUMBER, "key": key}
        return clerk.post(place(line, procedure) + step, given, headers=part).content.decode()

    post("suspend", "code", mine)
    (code,) = codes()
    for procedure, key in (("change-case", mine), ("suspend", other)):
        assert "没有给这个号码发过验证码" in post(procedure, "prove", key, code=code)
    page = post("suspend", "prove", mine, code=code)
    assert "已通过" in page
    assert hidden(page)["key"] == mine
    for procedure, key in (("change-case", mine), ("suspend", other)):
        given = {**hidden(page), "key": key, "reason": "customer.away", "plan": ""}
        said = clerk.post(place(line, procedure), given, headers=part)
        assert "HX-Redirect" not in said.headers
    assert not ServiceChange.objects.exists()
    # the page read again goes on with the order it was proven for
    assert hidden(clerk.get(place(line)).content.decode())["key"] == mine
    done = clerk.post(place(line), {**hidden(page), "reason": "customer.away"}, headers=part)
    assert "HX-Redirect" in done.headers


def test_guesses_end_the_code_and_lock_with_all_other_proofs(line, at, signed_in, part):
    clerk, start = signed_in("clerk"), clock.now()
    at(clerk, "send")
    (code,) = codes()
    wrong = other_than(code)
    assert "验证码不对" in at(clerk, "prove", wrong)
    assert "验证码不对" in at(clerk, "prove", wrong)
    assert "验证码错误次数过多，已作废" in at(clerk, "prove", wrong)
    assert "没有给这个号码发过验证码" in at(clerk, "prove", code)
    # a number that is not bound is a wrong answer too: nothing is sent, and now it is locked
    page = at(clerk, "send", number=FRESH)
    assert "没有绑定在这条宽带上" in page
    with clock.frozen(start + timedelta(minutes=2)):
        assert "鉴权错误次数过多" in at(clerk, "send")
        answer = clerk.post(place(line) + "prove", said(line), headers=part)
        assert "鉴权错误次数过多" in answer.content.decode()
    assert len(codes()) == 1
    assert not Authentication.objects.filter(ok=True).exists()


def test_a_number_is_bound_by_the_code_it_was_sent(line, signed_in, part):
    """Both are authenticated (VER-12): the account by its holder's document, the number by itself,
    though nobody of ours has it."""
    bindings.end_of_service(line.id)
    clerk, url = signed_in("clerk"), place(line, "bind-number")
    page = clerk.post(f"{url}prove", said(line), headers=part).content.decode()
    typed = {**hidden(page), "number": FRESH, "case": "home-300-family"}
    told = clerk.post(f"{url}code?field=code", {**typed, "number": "1385590"}, headers=part)
    assert "不是手机号码" in told.content.decode()
    assert "没有核对号码机主" in clerk.post(url, typed, headers=part).content.decode()
    page = clerk.post(f"{url}code?field=code", typed, headers=part).content.decode()
    assert "验证码已发送到 138****7777" in page
    assert f'value="{FRESH}"' in page
    (code,) = codes()
    before = Authentication.objects.filter(ok=False).count()
    answer = clerk.post(url, {**typed, "code": other_than(code)}, headers=part)
    assert "验证码不对" in answer.content.decode()
    assert Authentication.objects.filter(ok=False).count() == before + 1
    assert not ServiceChange.objects.exists()
    done = clerk.post(url, {**typed, "code": f"{code[:3]} {code[3:]}"}, headers=part)
    assert "HX-Redirect" in done.headers, done.content.decode()
    assert [row.number for row in bindings.living_of(line.id)] == ["+8613855907777"]
    assert code not in str(ServiceChange.objects.get().told)
    assert NumberCode.objects.get().ended_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_clerks_at_once_send_one_code_and_guess_no_more_often(line, at, signed_in):
    clients = [signed_in(who) for who in ("clerk", "supervisor")]

    def both(act) -> list[str]:
        def alone(client) -> str:
            try:
                return act(client)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(alone, clients))

    pages = both(lambda client: at(client, "send"))
    assert sorted("验证码已发送到" in page for page in pages) == [False, True]
    assert NumberCode.objects.filter(ended_at=None).count() == 1
    (code,) = codes()
    owner = clients[[("验证码已发送到" in page) for page in pages].index(True)]
    clients = [owner] * 4
    pages = both(lambda client: at(client, "prove", other_than(code)))
    assert sum("已作废" in page for page in pages) == 1
    assert NumberCode.objects.get().wrong == 3
    assert resident_number(1) not in "".join(pages)
