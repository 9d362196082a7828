"""变更办理 on its page: proof first, then the question; wrong people, states, answers refused."""

from __future__ import annotations

import re
from datetime import timedelta

from kaitong.core import clock
from kaitong.documents import queries as documents
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.models import Service, Suspension
from kaitong.ordering.models import Authentication, Order, ServiceChange
from kaitong.web.tests.world import resident_number


def place(service, procedure="suspend") -> str:
    return f"/services/{service.id}/do/{procedure}/"


def said(service, serial=1, **other) -> dict[str, str]:
    return {
        "kind": "account-document",
        "account": service.account,
        "document_number": resident_number(serial),
        **other,
    }


def hidden(html: str) -> dict[str, str]:
    return {
        name: re.search(f'name="{name}" value="([^"]+)"', html).group(1) for name in ("key", "plan")
    }


def test_the_customer_is_asked_first_and_then_the_question(world, signed_in, part):
    service, clerk = world.line(), signed_in("clerk")
    html = clerk.get(place(service)).content.decode()
    assert "核对客户身份" in html
    assert 'name="reason"' not in html

    html = clerk.post(place(service) + "prove", said(service), headers=part).content.decode()
    assert "账号加开户证件号码，已通过" in html
    assert "停机后不能上网" in html
    assert resident_number(1) not in html

    given = {**hidden(html), "reason": "customer.away", "note": "出国两个月"}
    done = clerk.post(place(service), given, headers=part)
    order = Order.objects.get(number__isnull=False, description="出国两个月")
    assert done.headers["HX-Redirect"] == f"/orders/{order.id}/"
    again = clerk.post(place(service), given, headers=part)  # a double click
    assert again.headers["HX-Redirect"] == f"/orders/{order.id}/"
    change = ServiceChange.objects.get()
    assert (change.procedure, change.reason) == ("suspend", "客户原因：外出一段时间")
    assert change.authentication.used_at is not None
    receipt = documents.papers_of_order(world.actor("clerk"), order.id)
    assert [paper.title for paper in receipt] == ["停/开机业务受理单"]


def test_wrong_answers_are_named_counted_and_lock(world, signed_in, part):
    service, clerk = world.line(), signed_in("clerk")
    url = place(service) + "prove"
    wrong = said(service, document_number=resident_number(2))
    for _try in range(4):
        refused = clerk.post(url, wrong, headers=part)
        assert refused.status_code == 422
        assert "证件号码与开户登记的不符" in refused.content.decode()
    assert "锁定 30 分钟" in clerk.post(url, wrong, headers=part).content.decode()
    right = clerk.post(url, said(service), headers=part)
    assert "鉴权错误次数过多" in right.content.decode()
    assert Authentication.objects.filter(ok=False).count() == 5  # the locked try is none
    with clock.frozen(clock.now() + timedelta(minutes=31)):
        assert "已通过" in clerk.post(url, said(service), headers=part).content.decode()


def test_a_proof_does_not_last_and_serves_its_clerk_alone(world, signed_in, part):
    service, clerk = world.line(), signed_in("clerk")
    html = clerk.post(place(service) + "prove", said(service), headers=part).content.decode()
    given = {**hidden(html), "reason": "customer.away"}
    other = signed_in("supervisor").post(place(service), given, headers=part)
    assert "还没有鉴权" in other.content.decode()
    with clock.frozen(clock.now() + timedelta(minutes=16)):
        late = clerk.post(place(service), given, headers=part)
    assert late.status_code == 422
    assert "鉴权已过时" in late.content.decode()
    assert not ServiceChange.objects.exists()


def test_what_the_state_forbids_is_refused_with_what_is_possible(world, signed_in):
    service, clerk = world.line(), signed_in("clerk")
    html = clerk.get(place(service, "resume")).content.decode()
    assert "现在是在用，不能办理复机" in html
    assert "停机" in html[html.index("可以办理：") :]
    Service.objects.filter(pk=service.id).update(state=ServiceState.INACTIVE)
    Suspension.objects.create(
        branch_id=service.branch_id, service_id=service.id, kind="request", since=clock.now()
    )
    html = clerk.get(place(service)).content.decode()
    assert "现在是客户停机，不能办理停机" in html


def test_two_changes_of_one_line_take_turns(world, signed_in, part):
    service, clerk = world.line(), signed_in("clerk")
    html = clerk.post(place(service) + "prove", said(service), headers=part).content.decode()
    clerk.post(place(service), {**hidden(html), "reason": "customer.away"}, headers=part)
    order = ServiceChange.objects.get().item.order
    html = clerk.get(place(service, "resume")).content.decode()
    assert f"正在办理停机（订单 {order.number}）" in html


def test_a_reason_is_picked_from_the_list(world, signed_in, part):
    service, clerk = world.line(), signed_in("clerk")
    html = clerk.post(place(service) + "prove", said(service), headers=part).content.decode()
    refused = clerk.post(place(service), {**hidden(html), "reason": "", "note": "急"}, headers=part)
    assert refused.status_code == 422
    text = refused.content.decode()
    assert 'id="e-reason"' in text
    assert 'value="急"' in text
    assert Authentication.objects.get().used_at is None


def test_wrong_people_and_foreign_lines(world, signed_in):
    service = world.line()
    assert signed_in("installer").get(place(service)).status_code == 403
    assert signed_in("foreigner").get(place(service)).status_code == 404
    foreign = signed_in("foreigner").post(place(service) + "prove", said(service))
    assert foreign.status_code == 404
    assert signed_in("clerk").get(place(service, "nonsense")).status_code == 404
