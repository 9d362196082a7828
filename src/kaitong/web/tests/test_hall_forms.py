"""F-38 at the tablet: who comes for somebody else (VER-03), and changes of a line in use."""

from __future__ import annotations

import json
import re

import pytest

from kaitong.core.models import AuditEntry
from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.hall import services as hall
from kaitong.hall.models import Form, Ticket
from kaitong.ordering import drafts
from kaitong.playbooks import changing
from kaitong.web.tests.test_hall import _words, taken, text_of
from kaitong.web.tests.world import resident_number

pytestmark = pytest.mark.django_db
OWN, OTHER = resident_number(31), resident_number(32)
PERSON = {
    "kind": "individual", "name": "王志伟", "phone": "13855900031",
    "document_kind": "resident-id", "number": OWN,
}  # fmt: skip
AGENT = {
    "agent": "true", "agent_name": "李秀英", "agent_phone": "13855900032",
    "agent_document_kind": "resident-id", "agent_number": OTHER,
}  # fmt: skip


def begun(clerk, ticket, part):
    clerk.post("/queue/sit", {"counter": "1"})
    clerk.post("/queue/next", headers=part)
    return text_of(clerk.post(f"/queue/{ticket.pk}/begin", headers=part))


def test_an_agent_says_who_he_is_and_the_clerk_has_both(world, greeter, clerk, part):
    url = taken(greeter)
    ticket = Ticket.objects.get()
    form = f"/queue/form/{ticket.pk}/"
    page = text_of(greeter.get(form))
    assert re.search(r'data-when="agent=true" hidden>\s*<label for="f-agent_name"', page)
    html = text_of(greeter.post(form, {**PERSON, "agent": "true", "agent_phone": "1"}), 422)
    for said in ("没有填代办人姓名", "没有填代办人证件号码", "电话不对"):
        assert said in html
    assert 'data-when="agent=true">' in html  # what was wrong is not hidden
    html = text_of(greeter.post(form, {**PERSON, **AGENT, "agent_number": OWN}), 422)
    assert "同一张证件" in html
    assert not Form.objects.exists()
    assert greeter.post(form, {**PERSON, **AGENT}).url == url
    words = _words(greeter.get(f"/queue/form/{ticket.pk}.pdf"))
    assert "李*英" in words
    assert OTHER not in words
    assert "李秀英" not in words

    begun(clerk, ticket, part)
    draft = drafts.draft_of(world.actor("clerk"), Form.objects.get().pk)
    kept = drafts.entered(draft)
    assert (kept["agent"], kept["agent_name"], kept["agent_number"]) == ("true", "李秀英", OTHER)
    html = text_of(clerk.get(f"/intake/{draft.pk}/"))
    assert "李秀英" in html  # the intake asks for the agent's document, too

    # what stands in fields nobody was asked for is not kept
    taken(greeter)
    other = Ticket.objects.get(number="A002")
    greeter.post(f"/queue/form/{other.pk}/", {**PERSON, **AGENT, "agent": ""})
    assert "李秀英" not in Form.objects.get(ticket=other).sealed


def test_a_change_is_filled_in_read_at_the_counter_and_kept_with_its_order(
    world,
    greeter,
    clerk,
    part,
    signed_in,
):
    line = world.line(1)
    url = taken(greeter, "change")
    ticket = Ticket.objects.get()
    form = f"/queue/form/{ticket.pk}/"
    page = text_of(greeter.get(form))
    for asked in ("办理的业务号码", "停机", "移机的新地址", "想换的套餐"):
        assert asked in page
    assert "欠费停机" not in page  # the machine's
    html = text_of(greeter.post(form, {**PERSON, "operation": "suspend-arrears"}), 422)
    assert "没有填要办的账号" in html
    assert "没有这种业务" in html
    said = {**PERSON, "account": "13855900031", "operation": "suspend", "remark": "外出半年"}
    assert greeter.post(form, said).url == url
    words = _words(greeter.get(f"/queue/form/{ticket.pk}.pdf"))
    for one in ("停机", "138****0031", "外出半年"):
        assert one in words
    assert "13855900031" not in words

    told = f"/queue/form/{ticket.pk}/told"
    assert clerk.get(told).status_code == 403  # before its number begins
    html = begun(clerk, ticket, part)
    assert f'href="{told}"' in html
    html = text_of(clerk.get(told))
    for one in ("王志伟", OWN, "停机", "外出半年"):
        assert one in html
    assert 'name="by" value="bound"' in html
    assert AuditEntry.objects.filter(kind="form-read").count() == 1
    assert greeter.get(told).status_code == 403
    assert signed_in("foreigner").get(told).status_code == 404
    assert not json.loads(Form.objects.get().sealed).get("agent")

    actor = world.actor("clerk")
    order = changing.request_change(
        actor=actor, service_id=line.id, procedure="suspend", key="form", data={},
        reason="customer.away", vouched=True,
    )  # fmt: skip
    hall.link(actor=actor, business_id=order.pk)
    clerk.post(f"/queue/{ticket.pk}/end", headers=part)
    assert (Form.objects.get().sealed, Form.objects.get().state) == ("{}", "taken")
    (paper,) = [p for p in documents.papers_of_order(actor, order.pk) if p.kind == "application"]
    told = document_verbs.paper_data(paper)
    assert (told["ticket"], told["service"], told["changes"]) == ("B001", "家庭宽带接入停机", True)
    assert told["account"] == line.account


def test_the_change_form_reads_in_english(world, greeter):
    url = taken(greeter, "change")
    html = text_of(
        greeter.get(f"/queue/form/{url.split('/')[2]}/", headers={"Accept-Language": "en"})
    )
    main = re.sub(r"<[^>]+>", " ", html[html.index("<main") : html.index("</main>")])
    assert [w for w in re.findall(r"[一-鿿]+", main) if w != "休宁分公司"] == []
