"""营业厅排队 on its pages: from the tablet to the counter and the order's papers."""

from __future__ import annotations

import re
import subprocess

import pytest
from django.urls import reverse

from kaitong.core.ids import uuid7
from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.hall import queries
from kaitong.hall import services as hall
from kaitong.hall.models import Form, Inquiry, Link, Ticket
from kaitong.ordering import drafts
from kaitong.org import services as org
from kaitong.org.queries import actor_of
from kaitong.web.tests.world import request as order_request
from kaitong.web.tests.world import resident_number

pytestmark = pytest.mark.django_db


def text_of(answer, status=200):
    assert answer.status_code == status
    return answer.content.decode()


def taken(client, kind="open", **more):
    html = text_of(client.get("/queue/take/"))
    key = re.search(r'name="key" value="([^"]+)"', html)[1]
    answer = client.post("/queue/take/", {"kind": kind, "key": key, **more})
    assert answer.status_code == 302
    return answer.url.removesuffix("?new")


def test_from_the_tablet_to_the_papers(world, greeter, clerk, part, queries_of):
    url = taken(greeter, phone="13812345678")
    html = text_of(greeter.get(url))
    assert ">A001<" in html
    assert "前面没有人" in html
    assert "居民身份证" in html
    assert "户口簿" in html
    assert "护照" in html
    assert "驾驶" not in html  # no longer accepted
    assert "暂无窗口办理" in html
    assert "13812345678" not in html
    for page in (html, text_of(greeter.get("/queue/take/")), text_of(greeter.get("/queue/form/"))):
        links = set(re.findall(r'<a [^>]*href="([^"]+)"', page))
        assert links  # a customer stands there: none leads to what the staff has
        assert not [one for one in links if not re.match(r"/queue/(take|form)/", one)]

    ticket = Ticket.objects.get()
    form = f"/queue/form/{ticket.pk}/"
    html = text_of(greeter.post(form, {"name": "", "phone": "1", "number": "34"}), 422)
    assert "没有填姓名" in html
    assert "电话不对" in html
    assert not Form.objects.exists()
    data = {
        "kind": "individual", "name": "王志伟", "phone": "13855900031",
        "document_kind": "resident-id", "number": resident_number(31), "offering": "home-300",
        "q": "横江花园 1 号",
    }  # fmt: skip
    assert greeter.post(form, data).url == url
    assert "王志伟" not in text_of(greeter.get(form))  # the next customer reads nothing
    assert "申请表已填好" in text_of(greeter.get(url))
    sheet = greeter.get(f"/queue/form/{ticket.pk}.pdf")
    words = _words(sheet)
    assert "业务申请表" in words
    assert "A001" in words
    assert "王*伟" in words
    assert "签名" in words
    assert resident_number(31) not in words

    strip = "/queue/strip"
    assert "hidden" in text_of(clerk.get(strip))  # at no counter
    assert clerk.post("/queue/sit", {"counter": "2", "kinds": ["open"]}).status_code == 302
    html = text_of(clerk.get(strip))
    assert "2 号窗口" in html
    assert "1 人在等" in html
    version = re.search(r'KT-Version": "([^"]+)"', html)[1]
    assert clerk.get(strip, headers={**part, "KT-Version": version}).status_code == 204
    html = text_of(clerk.post("/queue/next", headers=part))
    assert "A001" in html
    assert "叫过 1 次" in html
    board = text_of(greeter.get("/queue/board/"))
    assert re.search(r"<b>A001</b><small>新装宽带</small><b>2</b>", board)
    assert "王" not in board
    assert "138" not in board
    assert "请到 2 号窗口" in text_of(greeter.get(url))
    html = text_of(clerk.post(f"/queue/{ticket.pk}/begin", headers=part))
    draft = Form.objects.get().pk
    assert f"/intake/{draft}/" in html
    html = text_of(clerk.get(f"/intake/{draft}/"))
    assert "王志伟" in html
    assert "横江花园 1 号" in html
    assert Form.objects.get().sealed == "{}"

    order = _ordered(world, draft)
    assert order.pk == draft
    hall.issue_form(actor=world.actor("clerk"))
    clerk.post(f"/queue/{ticket.pk}/end", headers=part)
    (paper,) = [p for p in documents.papers_of_order(world.actor("clerk"), order.pk)
                if p.kind == "application"]  # fmt: skip
    told = document_verbs.paper_data(paper)
    assert (told["ticket"], told["order"]) == ("A001", order.number)
    assert told["customer"]["document_number"] != resident_number(31)
    assert queries.ticket_of(world.actor("clerk"), order.pk) == ticket
    assert "没有人在等" in text_of(clerk.get(strip))
    taken(greeter, "pay")
    few = queries_of(lambda: clerk.get("/queue/"))
    for _n in range(6):
        taken(greeter, "pay")
    assert queries_of(lambda: clerk.get("/queue/")) == few


def _ordered(world, draft_id):
    """What the intake's own tests submit through the page, here by its verb."""
    from dataclasses import replace

    from kaitong.ordering import services as ordering

    clerk = world.actor("clerk")
    drafts.choose(actor=clerk, draft_id=draft_id, address_id=world.addresses[0], hold_for=_hour())
    wanted = order_request(31, world.addresses[0])
    return ordering.submit(actor=clerk, request=replace(wanted, draft_id=draft_id))


def _hour():
    from datetime import timedelta

    return timedelta(hours=1)


def _words(answer):
    assert answer["Content-Type"] == "application/pdf"
    done = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=answer.content, capture_output=True, check=True
    )
    return done.stdout.decode().replace(" ", "")


def test_the_blank_form_has_the_halls_head_and_the_documents(world, clerk):
    words = _words(clerk.get("/queue/form/blank.pdf"))
    assert re.search(r"证件号码(?!—)", words)  # an empty cell for the hand
    for one in ("业务申请表", "休宁分公司", "居民身份证", "护照", "300M家庭宽带", "F-38"):
        assert one in words


def test_called_again_missed_back_handed_on(world, greeter, clerk, part):
    taken(greeter, "pay")
    taken(greeter, "consult")
    org.ensure_staff(
        username="clerk2", name="吴晓蓉", branch=world.branch, password="x" * 12, posts=("clerk",)
    )
    other = actor_of("clerk2")
    hall.sit(actor=other, counter=5)
    clerk.post("/queue/sit", {"counter": "1"})
    clerk.post("/queue/next", headers=part)
    first = Ticket.objects.get(number="C001")
    html = text_of(clerk.post(f"/queue/{first.pk}/missed", headers=part), 409)
    assert "叫满 2 次" in html
    clerk.post(f"/queue/{first.pk}/again", headers=part)
    html = text_of(clerk.post(f"/queue/{first.pk}/missed", headers=part))
    assert "叫下一号" in html
    assert "C001" in text_of(clerk.get("/queue/"))
    assert greeter.post(f"/queue/{first.pk}/back").status_code == 302
    clerk.post("/queue/next", headers=part)
    seat = queries.seat_of(other)
    html = text_of(clerk.post(f"/queue/{first.pk}/hand", {"seat": str(seat.pk)}, headers=part))
    assert "叫下一号" in html
    assert "转 5 号窗口" in text_of(clerk.get("/queue/"))
    assert clerk.post(f"/queue/{first.pk}/hand", {"seat": "x"}, headers=part).status_code == 404
    assert clerk.post(f"/queue/{first.pk}/nothing", headers=part).status_code == 404
    html = text_of(clerk.post("/queue/sit", {"counter": "5"}), 409)
    assert "5 号窗口已经有人（吴晓蓉）" in html
    html = text_of(clerk.post("/queue/sit", {"counter": "99"}), 409)
    assert "没有 99 号窗口" in html


def test_the_day_is_closed_and_opened_again(world, greeter, signed_in):
    url = taken(greeter)
    boss = signed_in("supervisor")
    assert "确认收厅" in text_of(boss.get("/queue/"))
    assert boss.post("/queue/close").status_code == 302
    assert "已收" in text_of(greeter.get(url))
    assert "今天已停止取号" in text_of(greeter.get("/queue/take/"))
    answer = greeter.post("/queue/take/", {"kind": "open", "key": "k"})
    assert "今天已经停止取号" in text_of(answer, 409)
    boss.post("/queue/close", {"open": "1"})
    assert taken(greeter)


def test_who_has_nothing_to_do_with_it(world, greeter, clerk, signed_in):
    ticket = Ticket.objects.get(pk=taken(greeter).split("/")[2])
    pages = ("/queue/", "/queue/take/", "/queue/board/", "/queue/form/", "/queue/form/blank.pdf")
    installer = signed_in("installer")
    for path in (*pages, f"/queue/{ticket.pk}/", f"/queue/form/{ticket.pk}/"):
        assert "排队由营业厅的人员办理" in text_of(installer.get(path), 403)
    for path in ("sit", "next", "close"):
        assert installer.post(f"/queue/{path}", {"counter": "1"}).status_code == 403
    assert 'href="/queue/"' not in text_of(installer.get("/work/"))
    assert 'href="/queue/"' in text_of(clerk.get("/work/"))
    foreigner = signed_in("foreigner")
    for path in (f"/queue/{ticket.pk}/", f"/queue/form/{ticket.pk}/",
                 f"/queue/form/{ticket.pk}.pdf"):  # fmt: skip
        assert foreigner.get(path).status_code == 404
    foreigner.post("/queue/sit", {"counter": "1"})
    for verb in ("begin", "end", "again", "missed", "back"):
        assert foreigner.post(f"/queue/{ticket.pk}/{verb}").status_code == 404
    assert "A001" not in text_of(foreigner.get("/queue/"))
    assert greeter.post("/queue/sit", {"counter": "3"}).status_code == 403
    ticket.refresh_from_db()
    assert ticket.state == "waiting"


def test_every_page_in_english(world, greeter, clerk):
    url = taken(greeter)
    for client, paths in (
        (greeter, ("/queue/take/", url, "/queue/form/", f"/queue/form/{url.split('/')[2]}/")),
        (clerk, ("/queue/", "/queue/board/")),
    ):
        for path in paths:
            html = text_of(client.get(path, headers={"Accept-Language": "en"}))
            main = re.sub(r"<[^>]+>", " ", html[html.index("<main") : html.index("</main>")])
            left = [w for w in re.findall(r"[一-鿿]+", main) if w not in ("休宁分公司",)]
            assert not left, (path, left)


def test_what_is_begun_while_a_number_is_served_is_linked_to_it(world, greeter, clerk):
    taken(greeter)
    clerk.post("/queue/sit", {"counter": "1"})
    draft = uuid7()
    choose = f"{reverse('web:intake_choose', args=[draft])}?address={world.addresses[0]}"
    clerk.post(choose, {"name": "王志伟"})
    assert not Link.objects.exists()  # nobody is being served
    clerk.post("/queue/next")
    ticket = Ticket.objects.get()
    clerk.post(f"/queue/{ticket.pk}/begin")
    clerk.post(choose, {"name": "王志伟"})
    clerk.post(choose, {"name": "王志伟"})
    assert Link.objects.get().business_id == draft
    assert queries.ticket_of(world.actor("clerk"), draft) == ticket


def test_what_a_customer_asked_about_is_recorded_once_by_who_serves_him(
    world, greeter, clerk, signed_in, part
):
    """HALL-01: consult."""
    taken(greeter, kind="consult")
    clerk.post("/queue/sit", {"counter": "1"})
    clerk.post("/queue/next")
    ticket = Ticket.objects.get()
    url = f"/queue/{ticket.pk}/asked"
    early = clerk.post(url, {"subject": "plans"}, headers=part)
    assert early.status_code == 409  # called, not at the counter yet
    html = clerk.post(f"/queue/{ticket.pk}/begin", headers=part).content.decode()
    assert "登记咨询" in html
    for subject in ("plans", "plans", "bill"):  # a double click is one
        html = clerk.post(url, {"subject": subject}, headers=part).content.decode()
    assert re.search(r'value="plans" disabled', html)
    assert clerk.post(url, {"subject": "weather"}, headers=part).status_code == 409
    told = list(Inquiry.objects.order_by("pk").values_list("subject", "title"))
    assert told == [("plans", "套餐和资费"), ("bill", "账单和欠费")]
    clerk.post(f"/queue/{ticket.pk}/end")
    assert clerk.post(url, {"subject": "other"}, headers=part).status_code == 409
    page = text_of(greeter.get("/queue/"))
    assert re.search(r"套餐和资费</td><td[^>]*>1<", page)
    english = greeter.get("/queue/", headers={"Accept-Language": "en"}).content.decode()
    assert "Plans and prices" in english
    assert signed_in("foreigner").post(url, {"subject": "other"}).status_code in (404, 409)
    assert Inquiry.objects.count() == 2
