"""The lab's online channel: asked once, paid by a button, told by a signed callback, stated."""

from __future__ import annotations

import re
import time
import urllib.request

import pytest

from kaitong.charging import books, channels
from kaitong.charging.days import today
from kaitong.charging.models import PayChannel, Payment, PayRequest
from kaitong.documents.models import Paper
from kaitong.lab import pay
from kaitong.lab.pay import PayLab, PaySettings
from kaitong.party import services as party


@pytest.mark.django_db
def test_kaitong_is_told_where_it_is(county):
    assert pay.register(PaySettings(4711, "s"))
    assert pay.register(PaySettings(4712, "t"), "https://kt.example")
    row = PayChannel.objects.get()
    assert (row.url, row.secret, row.is_test) == ("http://127.0.0.1:4712", "t", True)
    assert row.notify_url == "https://kt.example/pay/callback/lab"


@pytest.mark.django_db(transaction=True)
def test_from_the_request_to_the_voucher_by_the_wire(live_server, county, staff_of, tmp_path):
    from kaitong.core.home import library
    from kaitong.org.actor import Actor
    from kaitong.playbooks import services as playbooks

    playbooks.deploy(actor=Actor.system(), folder=library() / "home-broadband")
    clerk = staff_of(county, "clerk", "clerk")
    customer = party.register(actor=clerk, name="王明远", phone="13855900001").id
    lab = PayLab(tmp_path)
    settings = lab.up()
    try:
        assert lab.up() == settings  # again changes nothing
        pay.register(settings, live_server.url)
        asked = channels.begin(actor=clerk, customer_id=customer, amount_fen=9900, key="k")
        url = channels.ask(asked.pk).pay_url
        again = PayRequest.objects.get()
        again.state = "asked"
        again.save()
        assert channels.ask(asked.pk).pay_url == url  # the channel knows it

        page = urllib.request.urlopen(url).read().decode()
        assert "不动真钱" in page
        assert re.search("¥99.00", page)
        for _click in range(2):
            urllib.request.urlopen(url, data=b"").close()
        deadline = time.monotonic() + 20
        while not Payment.objects.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        asked.refresh_from_db()
        assert (asked.state, asked.payment.amount_fen) == ("paid", 9900)
        assert Paper.objects.get(order_id=asked.account_id).kind == "voucher"

        found = channels.SignedChannel(PayChannel.objects.get()).statement(today())
        assert [(line.number, line.amount_fen) for line in found] == [(asked.number, 9900)]
        stranger = PayChannel.objects.get()
        stranger.secret = "another"
        with pytest.raises(channels.ChannelAway):
            channels.SignedChannel(stranger).statement(today())
        assert Payment.objects.count() == 1
        assert books.check() == []
    finally:
        lab.down()
    assert not lab.running()
