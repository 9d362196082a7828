"""Notices on the pages: masked, with their state, sent again by one click, of one's own branch."""

from __future__ import annotations

from kaitong.messaging import services as messaging
from kaitong.messaging.models import Notice
from kaitong.messaging.services import NewNotice
from kaitong.party import services as parties


def skipped(world, order) -> Notice:
    """A notice to somebody who cannot be reached."""
    row = Notice.objects.get(order_id=order.id)
    Notice.objects.filter(pk=row.pk).delete()
    party = parties.register(actor=world.actor("clerk"), name="李四")
    notice = NewNotice(
        key="k", kind="accepted", title="受理通知", to="customer", by=["mail"], text="x",
        branch_id=order.branch_id, order_id=order.id, party_id=party.id,
    )  # fmt: skip
    messaging.queue(actor=world.actor("clerk"), notices=[notice])
    return Notice.objects.get(order_id=order.id, state="skipped")


def test_order_page_lists_what_the_customer_was_told(world, signed_in, part):
    order = world.order(1)
    client = signed_in("clerk")
    html = client.get(f"/orders/{order.id}/notices/", headers=part).content.decode()
    assert "受理通知" in html
    assert "138****0001" in html
    assert "13855900001" not in html
    timeline = client.get(f"/orders/{order.id}/timeline/", headers=part).content.decode()
    assert "客户 138****0001 短信 待发送" in timeline
    english = signed_in("clerk", **{"Accept-Language": "en"})
    assert "Order accepted" in english.get(f"/orders/{order.id}/?tab=notices").content.decode()


def test_what_was_not_sent_stands_on_the_desk_and_goes_out_again(world, signed_in, part):
    order = world.order(1)
    row = skipped(world, order)
    client = signed_in("clerk")
    html = client.get("/notices/").content.decode()
    assert order.number in html
    assert f'value="{row.id}"' in html
    refused = client.post("/notices/retry", {"pick": [str(row.id), "nonsense"]}, headers=part)
    assert "1 条仍没有号码或邮箱" in refused.content.decode()
    parties.keep_mail(actor=world.actor("clerk"), party_id=row.party_id, email="wang@example.com")
    done = client.post(f"/notices/{row.id}/retry", headers=part)
    assert done.status_code == 200
    row.refresh_from_db()
    assert (row.state, row.address_masked) == ("queued", "wa…@example.com")
    again = client.post(f"/notices/{row.id}/retry", headers=part)
    assert again.status_code == 200  # twice changes nothing


def test_text_is_shown_on_asking_and_that_is_recorded(world, signed_in, part):
    order = world.order(1)
    row = Notice.objects.get(order_id=order.id)
    client = signed_in("clerk")
    tab = client.get(f"/orders/{order.id}/notices/", headers=part).content.decode()
    assert "已受理" not in tab
    said = client.post(f"/notices/{row.id}/text", headers=part).content.decode()
    assert f"订单号{order.number}" in said
    audit = client.get(f"/orders/{order.id}/?tab=audit").content.decode()
    assert "查看通知内容" in audit
    assert signed_in("foreigner").post(f"/notices/{row.id}/text", headers=part).status_code == 404


def test_another_branch_sees_and_sends_nothing(world, signed_in, part):
    row = skipped(world, world.order(1))
    client = signed_in("foreigner")
    assert str(row.id) not in client.get("/notices/").content.decode()
    assert client.post(f"/notices/{row.id}/retry", headers=part).status_code == 404
    client.post("/notices/retry", {"pick": [str(row.id)]}, headers=part)
    row.refresh_from_db()
    assert row.state == "skipped"


def test_the_desk_costs_the_same_whatever_its_length(county_of_sixty, signed_in, queries_of):
    client = signed_in("clerk")
    county_of_sixty.order(0)
    few = queries_of(lambda: client.get("/notices/"))
    for serial in range(1, 30):
        county_of_sixty.order(serial)
    assert queries_of(lambda: client.get("/notices/")) == few
