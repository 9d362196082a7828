"""改单 on the order page: what may be changed, why not the rest, and the change."""

from __future__ import annotations

import re

from kaitong.ordering.models import Order


def test_the_page_says_why_not_and_keeps_what_was_typed(world, signed_in, part):
    order = world.order(1)
    url = f"/orders/{order.id}/amend"
    installer = signed_in("installer").get(url, headers=part).content.decode()
    assert "这一步只有营业员可以改" in installer
    clerk = signed_in("clerk")
    assert url in clerk.get(f"/orders/{order.id}/").content.decode()
    html = clerk.get(url, headers=part).content.decode()
    at = re.search(r'name="at" value="([^"]+)"', html).group(1)
    given = {"at": at, "remark": "门铃坏了", "phone": "12", "reason": "客户来电"}
    refused = clerk.post(url, given, headers=part)
    text = refused.content.decode()
    assert refused.status_code == 422
    assert 'id="amend-error-phone"' in text
    assert 'value="门铃坏了"' in text
    assert Order.objects.get(pk=order.id).description == ""
    nothing = clerk.post(url, {"at": at, "reason": "x"}, headers=part)
    assert "没有要改的内容" in nothing.content.decode()
    moved = clerk.post(url, {**given, "phone": "", "at": "Elsewhere"}, headers=part)
    assert moved.status_code == 409
    done = clerk.post(url, {**given, "phone": ""}, headers=part)
    assert done.headers["HX-Redirect"] == f"/orders/{order.id}/"
    assert Order.objects.get(pk=order.id).description == "门铃坏了"
    assert signed_in("foreigner").get(url).status_code == 404
