"""Lines of organisations at the counter (VER-04): given to one and by one, changed by its handler
with letter of introduction and document; and an agent who comes for a person (VER-03)."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from stdnum.cn import uscc

from kaitong.charging import services as charging
from kaitong.core.models import AuditEntry
from kaitong.documents import pictures
from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.documents.models import Attachment
from kaitong.inventory import queries as inventory
from kaitong.ordering import changes
from kaitong.ordering.models import Order, ServiceChange
from kaitong.org.actor import Actor
from kaitong.party.models import IdentityDocument, Party, Representation
from kaitong.web.tests.world import resident_number

SYSTEM = Actor.system()
HOLDER = 1
BODY = "91341022MA2N0000X"
CODE = BODY + str(uscc.calc_check_digit(BODY))
FIRM = "黄山云谷信息科技有限公司"
HANDLER = {
    "handler_name": "吴小曼",
    "handler_phone": "13955903333",
    "handler_kind": "resident-id",
    "handler_number": resident_number(8),
    "handler_valid_until": "2036-01-01",
    "handler_reader": "true",
}
TO_FIRM = {
    "owner_is": "organization",
    "owner_name": FIRM,
    "owner_phone": "05597512345",
    "licence_kind": "business-licence",
    "owner_number": CODE,
    "long_term": "true",
    **{f"owner_{name}": value for name, value in HANDLER.items()},
    "password": "Owner-2026",
    "password_again": "Owner-2026",
    "reason": "customer.company",
}
TO_FIRM_PHOTOS = ("licence", "owner_letter")


class Counter:
    """A clerk at the page of one change after another."""

    def __init__(self, clerk) -> None:
        self.clerk = clerk

    def ask(self, service, procedure, *, document, photos=(), looked=False, **given):
        url = f"/services/{service.id}/do/{procedure}/"
        page = self.clerk.post(
            f"{url}prove",
            {
                "kind": "account-document",
                "account": service.account,
                "document_number": document,
            },
            headers={"HX-Request": "true"},
        ).content.decode()
        if looked:
            return page
        hidden = {
            name: re.search(rf'name="{name}" value="([^"]+)"', page).group(1)
            for name in ("key", "plan")
        }
        for field in photos:
            file = SimpleUploadedFile("p.jpg", pictures.tiny(5), content_type="image/jpeg")
            at = f"{url}photo/{hidden['key']}?field={field}"
            hidden[field] = self.clerk.post(at, {"photo": file}).json()["id"]
        return self.clerk.post(url, {**hidden, **given}, headers={"HX-Request": "true"})


@pytest.fixture
def counter(signed_in):
    return Counter(signed_in("clerk"))


@pytest.fixture
def line(world):
    made = world.line(HOLDER)
    charging.void_due(actor=SYSTEM, order_id=made.order_id)
    return made


def order_of(answer) -> Order:
    assert "HX-Redirect" in answer.headers, answer.content.decode()[:6000]
    return Order.objects.get(pk=answer.headers["HX-Redirect"].split("/")[2])


def given_to_firm(line, counter) -> Order:
    return order_of(
        counter.ask(
            line,
            "transfer",
            document=resident_number(HOLDER),
            photos=TO_FIRM_PHOTOS,
            **TO_FIRM,
        )
    )


def test_a_line_is_given_to_a_firm_which_then_acts_by_its_handler(line, counter):
    order = given_to_firm(line, counter)
    firm = Party.objects.get(pk=inventory.service(SYSTEM, line.id).customer_id)
    assert (firm.kind, firm.name) == ("organization", FIRM)
    licence = IdentityDocument.objects.get(party=firm)
    assert (licence.number, len(licence.evidence)) == (CODE, 1)
    stands = Representation.objects.get(party=firm)
    assert stands.role == "handler"
    assert stands.representative.name == "吴小曼"
    letter = Attachment.objects.get(pk=stands.evidence[0])
    assert (letter.kind, letter.owner_id, letter.pending_until) == ("letter", firm.pk, None)
    change = ServiceChange.objects.get(item__order=order)
    told = {one["title"]: one["after"] for one in change.told}
    assert told["机主"] == "黄山云谷…公司"
    assert told["新单位经办人"] == "吴*曼"
    clear = f"{change.told} {list(AuditEntry.objects.values_list('data', flat=True))}"
    for secret in (FIRM, CODE, "吴小曼", resident_number(8), "13955903333"):
        assert secret not in clear

    changes.end(order.items.get().pk)  # the network has taken the new password
    # who owned it before is nobody to it; the firm's own code opens it, and its handler is asked
    page = counter.ask(line, "suspend", document=resident_number(HOLDER), looked=True)
    assert "证件号码与开户登记的不符" in page
    page = counter.ask(line, "reset-password", document=CODE, looked=True)
    assert 'id="refusal"' not in page
    for asked in ("handler_name", "handler_number", "letter"):
        assert f'name="{asked}"' in page
    assert 'name="acting_by"' not in page

    # without the handler, or without the letter, nothing is done
    away = {"reason": "customer.away"}
    refused = counter.ask(line, "suspend", document=CODE, **away)
    assert refused.status_code == 422
    assert "经办人姓名没有填" in refused.content.decode()
    refused = counter.ask(line, "suspend", document=CODE, **HANDLER, **away)
    assert "单位介绍信没有拍" in refused.content.decode()
    assert ServiceChange.objects.count() == 1

    order = order_of(
        counter.ask(line, "suspend", document=CODE, photos=("letter",), **HANDLER, **away)
    )
    assert order.party_id == firm.pk
    assert order.agent.name == "吴小曼"
    assert order.introduction_letter
    (receipt,) = documents.papers_of_order(SYSTEM, order.id)
    sheet = document_verbs.paper_data(receipt)
    assert sheet["agent"]["title"] == "经办人"
    assert sheet["customer"]["name"] == "黄山云谷…公司"


@pytest.mark.parametrize(
    ("wrong", "photos", "says"),
    [
        ({}, ("owner_letter",), "单位证件影像没有拍"),
        ({}, ("licence",), "新单位介绍信没有拍"),
        ({"owner_number": CODE[:-1] + ("0" if CODE[-1] != "0" else "1")}, TO_FIRM_PHOTOS, "校验位"),
        ({"owner_handler_number": "341022199001011234"}, TO_FIRM_PHOTOS, "校验位"),
        ({"owner_handler_reader": ""}, TO_FIRM_PHOTOS, "缺少证件影像"),
        ({"owner_handler_valid_until": "2020-01-01"}, TO_FIRM_PHOTOS, "有效期"),
        ({"licence_kind": "", "owner_kind": "resident-id"}, TO_FIRM_PHOTOS, "单位证件类型没有填"),
        ({"owner_kind": "resident-id"}, TO_FIRM_PHOTOS, "这里不用填"),
    ],
)
def test_without_its_papers_a_firm_gets_nothing_and_nobody_is_registered(
    line, counter, wrong, photos, says
):
    before = Party.objects.count()
    given = {**TO_FIRM, **wrong}
    answer = counter.ask(line, "transfer", document=resident_number(HOLDER), photos=photos, **given)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert Party.objects.count() == before
    assert not ServiceChange.objects.exists()
    assert inventory.service(SYSTEM, line.id).customer_id == line.customer_id


AGENT = {
    "acting_by": "agent",
    "holder_original": "true",
    "agent_name": "程小满",
    "agent_kind": "resident-id",
    "agent_number": resident_number(7),
    "agent_valid_until": "2036-01-01",
    "agent_reader": "true",
}


def test_an_agent_comes_with_both_originals_or_not_at_all(line, counter):
    document, away = resident_number(HOLDER), {"reason": "customer.away"}
    for lacking, says in (
        ("holder_original", "机主证件原件已核对没有填"),
        ("agent_number", "代办人证件号码没有填"),
        ("agent_reader", "缺少证件影像"),
    ):
        given = {name: value for name, value in AGENT.items() if name != lacking}
        answer = counter.ask(line, "suspend", document=document, **given, **away)
        assert says in answer.content.decode()
    own = {**AGENT, "agent_name": "李志伟", "agent_number": resident_number(HOLDER)}
    answer = counter.ask(line, "suspend", document=document, **own, **away)
    assert "客户以外的个人" in answer.content.decode()
    assert not ServiceChange.objects.exists()
    order = order_of(counter.ask(line, "suspend", document=document, **AGENT, **away))
    assert order.agent.name == "程小满"
    assert Representation.objects.get().role == "agent"
    told = {one["title"]: one["after"] for one in ServiceChange.objects.get().told}
    assert told["代办人"] == "程*满"
