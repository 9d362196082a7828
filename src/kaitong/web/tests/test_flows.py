"""The counter's flows on their pages (BB-02, 03, 05, 06, 08, 09, 11): what each asks, what it
writes, what its receipt says; wrong answers, states and people are refused and change nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection

from kaitong.charging import services as charging
from kaitong.charging.models import Charge, Rent
from kaitong.core import clock
from kaitong.documents import pictures
from kaitong.documents import queries as documents
from kaitong.documents.models import Paper
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.models import Resource, Service, Suspension, Terminal
from kaitong.messaging.models import Notice
from kaitong.ordering import bindings, rents
from kaitong.ordering.models import NumberBinding, Order, ServiceChange
from kaitong.org.actor import Actor
from kaitong.party.models import Contact, IdentityDocument, Party, PartyPhone
from kaitong.places.models import Address
from kaitong.web.tests.world import resident_number

SYSTEM = Actor.system()
HOLDER, OTHER = 1, 2


@pytest.fixture
def line(world):
    """A line in use that owes nothing."""
    made = world.line(HOLDER)
    charging.void_due(actor=SYSTEM, order_id=made.order_id)
    return made


@pytest.fixture
def counter(signed_in, part):
    """`counter(service, "transfer", reason=…, **answers)` proves the customer and asks."""
    clerk = signed_in("clerk")

    def at(service, procedure: str, *, by=clerk, **given):
        url = f"/services/{service.id}/do/{procedure}/"
        page = by.post(
            f"{url}prove",
            {
                "kind": "account-document",
                "account": service.account,
                "document_number": resident_number(HOLDER),
            },
            headers=part,
        ).content.decode()
        hidden = {
            name: re.search(rf'name="{name}" value="([^"]+)"', page).group(1)
            for name in ("key", "plan")
            if f'name="{name}"' in page
        }
        if given.get("only_look"):
            return page
        return by.post(url, {**hidden, **given}, headers=part)

    return at


def order_of(answer) -> Order:
    assert "HX-Redirect" in answer.headers, answer.content.decode()[:3000]
    return Order.objects.get(pk=answer.headers["HX-Redirect"].split("/")[2])


def password_of(service) -> str:
    return inventory_verbs.reveal_password(actor=SYSTEM, service_id=service.id, reason="test")


def now_is(service):
    return inventory.service(SYSTEM, service.id)


def refused(answer, *said: str) -> None:
    assert answer.status_code == 422
    text = answer.content.decode()
    for one in said:
        assert one in text, one
    assert not ServiceChange.objects.exists()


# ---- passwords -----------------------------------------------------------------------------------


def test_a_password_is_changed_by_the_old_one(line, counter):
    old = password_of(line)
    order = order_of(
        counter(
            line,
            "change-password",
            old_password=old,
            password="Fresh-2026",
            password_again="Fresh-2026",
        )
    )
    assert password_of(line) == "Fresh-2026"
    (receipt,) = documents.papers_of_order(SYSTEM, order.id)
    assert receipt.title == "业务受理单"
    told = ServiceChange.objects.get().told
    assert [one["title"] for one in told] == ["密码"]
    assert "Fresh-2026" not in str(told)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"old_password": "no", "password": "Fresh-1", "password_again": "Fresh-1"}, "原密码不对"),
        ({"password": "Fresh-1", "password_again": "Fresh-2"}, "两次输入的新密码不一致"),
        ({"password": "ab", "password_again": "ab"}, "新密码太短"),
        ({"password": "有中文有中文", "password_again": "有中文有中文"}, "字母、数字和符号"),
    ],
)
def test_a_wrong_password_is_named_at_its_field(line, counter, answers, says):
    old = password_of(line)
    refused(counter(line, "change-password", **{"old_password": old, **answers}), says)
    assert password_of(line) == old


def test_a_password_is_reset_without_the_old_one(line, counter):
    counter(line, "reset-password", password="Fresh-2026", password_again="Fresh-2026")
    assert password_of(line) == "Fresh-2026"


def test_a_reset_with_incomplete_documents_is_refused(world, line, counter):
    """LIM-21: and the page says why before anything is asked."""
    IdentityDocument.objects.update(reader_used=False, evidence=[], verified_at=None)
    page = counter(line, "reset-password", only_look=True)
    assert 'id="refusal"' in page
    assert "请先补齐证件资料" in page


# ---- data ----------------------------------------------------------------------------------------


def test_data_are_changed_and_the_receipt_masks_them(line, counter):
    order = order_of(
        counter(
            line,
            "change-data",
            phone="13955901234",
            email="wang@example.com",
            contact_name="王小二",
            contact_phone="13955905678",
        )
    )
    party = Party.objects.get(pk=line.customer_id)
    assert PartyPhone.objects.get(party=party, primary=True).digits == "13955901234"
    assert party.email == "wang@example.com"
    assert Contact.objects.get(party=party).digits == "13955905678"
    assert order.state == "completed"
    told = str(ServiceChange.objects.get().told)
    assert "139****1234" in told
    assert "13955901234" not in told
    assert Paper.objects.get(order_id=order.id).title == "业务受理单"


def test_a_name_is_corrected_by_the_document(line, counter):
    order_of(counter(line, "change-data", name="李致伟"))
    assert Party.objects.get(pk=line.customer_id).name == "李致伟"


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({}, "没有填要改的内容"),
        ({"phone": "12345"}, "电话号码不对"),
        ({"contact_name": "王小二"}, "联系人要有姓名和电话"),
        ({"name": "12"}, "请按证件录入"),
    ],
)
def test_wrong_data_are_refused_at_their_field(line, counter, answers, says):
    before = list(PartyPhone.objects.values_list("digits", flat=True))
    refused(counter(line, "change-data", **answers), says)
    assert list(PartyPhone.objects.values_list("digits", flat=True)) == before


# ---- account -------------------------------------------------------------------------------------


def test_the_mobile_number_becomes_the_account(line, counter):
    old = line.account
    order = order_of(counter(line, "change-account", mobile="139 5590 1234"))
    assert now_is(line).account == "13955901234"
    told = ServiceChange.objects.get().told
    assert [(one["before"], one["after"]) for one in told] == [(old, "139****1234")]
    assert order.state == "inProgress"  # until the network has taken it
    with connection.cursor() as cursor:  # only the line itself is called by it
        cursor.execute("select tablename from pg_tables where schemaname = 'public'")
        tables = {name for (name,) in cursor.fetchall()} - {"inventory_service"}
        for table in sorted(tables):
            count = f'select count(*) from "{table}" t where t::text like %s'
            cursor.execute(count, ["%1395590123%"])
            assert cursor.fetchone() == (0,), table


@pytest.mark.parametrize(
    ("mobile", "says"), [("0559-2512345", "不是手机号码"), ("13955900000", "已被使用")]
)
def test_an_account_that_cannot_be_is_refused(world, line, counter, mobile, says):
    other = world.line(OTHER)
    Service.objects.filter(pk=other.id).update(account="13955900000")
    refused(counter(line, "change-account", mobile=mobile), says)
    assert now_is(line).account == line.account


# ---- binding -------------------------------------------------------------------------------------


@pytest.fixture
def paying(world, line):
    """The line pays by the month, as its order pinned it."""
    order = Order.objects.get(pk=line.order_id)
    rents.begin(actor=SYSTEM, order=order, item=order.items.get())
    return line


def bind(counter, service, **changes):
    given = {
        "number": "13855900001",
        "document": resident_number(HOLDER),
        "case": "home-300-family",
        **changes,
    }
    return counter(service, "bind-number", **given)


def monthly(service) -> list[int]:
    rows = Rent.objects.filter(service_id=service.id, until=None)
    return list(rows.values_list("amount_fen", flat=True))


def test_a_number_is_bound_and_unbound_and_the_price_follows(paying, counter):
    order = order_of(bind(counter, paying))
    assert monthly(paying) == [7900]
    assert [row.number for row in bindings.living_of(paying.id)] == ["+8613855900001"]
    assert order.prices[0]["case"]["title"] == "300M 全家享"

    page = counter(paying, "unbind-number", only_look=True)
    assert "营销案“300M 全家享”随绑定失效，月费由 ¥79.00 变为 ¥99.00" in page  # told before
    order = order_of(counter(paying, "unbind-number", number="13855900001"))
    assert bindings.living_of(paying.id) == []
    assert monthly(paying) == [9900]
    assert order.prices[0]["case"] is None
    notice = Notice.objects.filter(order_id=order.id, kind="unbound").first()
    assert notice is not None  # and told after


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"document": resident_number(OTHER)}, "证件号码与号码机主登记的不符"),
        ({"number": "13955909999"}, "这个号码没有实名登记"),
        ({"number": "0559-2512345"}, "不是手机号码"),
        ({"case": "home-1000-prepaid"}, "不在可选范围内"),
    ],
)
def test_a_binding_with_a_wrong_proof_is_refused(paying, counter, changes, says):
    refused(bind(counter, paying, **changes), says)
    assert not NumberBinding.objects.exists()
    assert monthly(paying) == [9900]


def test_a_number_bound_elsewhere_is_refused(world, paying, counter):
    order_of(bind(counter, paying))
    ServiceChange.objects.all().delete()
    other = world.line(HOLDER + 10)
    clerk_page = bind(counter, other)
    assert not bindings.living_of(other.id)
    assert clerk_page.status_code in (409, 422)


def test_only_a_number_of_this_line_is_unbound(paying, counter):
    refused(counter(paying, "unbind-number", number="13855900001"), "没有绑定在这条宽带上")


# ---- transfer ------------------------------------------------------------------------------------

NEW_OWNER = {
    "owner_is": "individual",
    "owner_name": "程小满",
    "owner_phone": "13955902222",
    "owner_kind": "resident-id",
    "owner_number": resident_number(7),
    "valid_until": "2036-01-01",
    "reader": "true",
    "password": "Owner-2026",
    "password_again": "Owner-2026",
    "reason": "customer.family",
}


def test_a_line_is_given_to_a_new_owner(paying, counter):
    order_of(bind(counter, paying))
    page = counter(paying, "transfer", only_look=True)
    assert "随绑定失效" in page
    order = order_of(counter(paying, "transfer", **NEW_OWNER))
    service = now_is(paying)
    owner = Party.objects.get(pk=service.customer_id)
    assert (owner.name, owner.pk != paying.customer_id) == ("程小满", True)
    assert IdentityDocument.objects.get(party=owner).reader_used
    assert password_of(paying) == "Owner-2026"
    assert bindings.living_of(paying.id) == []
    (rent,) = Rent.objects.filter(service_id=paying.id, until=None)
    assert (rent.account.customer_id, rent.amount_fen) == (owner.pk, 9900)
    change = ServiceChange.objects.get(item__order=order)
    told = {one["title"]: (one["before"], one["after"]) for one in change.told}
    assert told["机主"] == ("李*伟", "程*满")
    assert change.reason == "客户原因：家庭成员之间过户"
    assert "程小满" not in str(change.told)


def test_photos_stand_for_the_reader(world, line, counter, signed_in):
    clerk = signed_in("clerk")
    page = counter(line, "transfer", only_look=True)
    url = re.search(r'data-upload="([^"]+field=front)"', page).group(1)
    ids = {}
    for field in ("front", "back"):
        from django.core.files.uploadedfile import SimpleUploadedFile

        file = SimpleUploadedFile("p.jpg", pictures.tiny(5), content_type="image/jpeg")
        ids[field] = clerk.post(url.replace("front", field), {"photo": file}).json()["id"]
    key = re.search(r'name="key" value="([^"]+)"', page).group(1)
    plan = re.search(r'name="plan" value="([^"]+)"', page).group(1)
    given = {**NEW_OWNER, **ids, "key": key, "plan": plan}
    given.pop("reader")
    answer = clerk.post(f"/services/{line.id}/do/transfer/", given, headers={"HX-Request": "true"})
    order_of(answer)
    owner = Party.objects.get(pk=now_is(line).customer_id)
    assert len(IdentityDocument.objects.get(party=owner).evidence) == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"reader": ""}, "缺少证件影像"),
        ({"owner_number": "341022199001011234"}, "证件号码"),
        ({"owner_number": resident_number(HOLDER), "owner_name": "李志伟"}, "这就是现在的机主"),
        ({"owner_number": resident_number(HOLDER)}, "姓名"),
        ({"valid_until": "2020-01-01"}, "有效期"),
        ({"reason": ""}, "没有选原因"),
        ({"owner_phone": "12"}, "电话"),
    ],
)
def test_a_transfer_without_complete_documents_is_refused_and_nobody_registered(
    line, counter, changes, says
):
    """LIM-20."""
    before = Party.objects.count()
    refused(counter(line, "transfer", **{**NEW_OWNER, **changes}), says)
    assert Party.objects.count() == before
    assert now_is(line).customer_id == line.customer_id


def test_a_line_in_arrears_is_not_given_away(line, counter):
    Charge.objects.create(
        branch_id=line.branch_id,
        order_id=line.order_id,
        code="repair",
        title="维修费",
        amount_fen=5000,
        state="due",
    )
    page = counter(line, "transfer", only_look=True)
    assert 'id="refusal"' in page
    assert "还欠" in page


# ---- cancellation --------------------------------------------------------------------------------


def test_a_cancellation_asks_why_and_tells_what_it_costs(paying, counter):
    page = counter(paying, "cancel", only_look=True)
    assert "合约还有 12 个月，提前销户须付违约金 ¥356.40" in page
    refused(counter(paying, "cancel", reason=""), "没有选原因")
    order = order_of(counter(paying, "cancel", reason="moving.away"))
    assert Paper.objects.get(order_id=order.id).title == "销户受理单"
    assert ServiceChange.objects.get().reason == "客户迁移：搬离本地"
    assert now_is(paying).state == "active"  # until the network refuses the login


def test_the_end_gives_everything_back(paying, counter, world):
    """Played by the machines without a network: what ends when the login is refused."""
    from kaitong.process import worker

    inventory_verbs.confirm_use(actor=SYSTEM, service_id=paying.id)
    inventory_verbs.install_terminal(actor=SYSTEM, service_id=paying.id, serial="HWTC00000001")
    order = order_of(counter(paying, "cancel", reason="moving.away"))
    worker.drain_all()
    service = now_is(paying)
    assert (str(service.state), service.account) == ("terminated", "")
    assert Terminal.objects.get(serial="HWTC00000001").state == "to-recover"
    port = Resource.objects.get(state="pre-released")
    assert port.rests_until > clock.now() + timedelta(days=29)
    assert not Rent.objects.filter(service_id=paying.id, until=None).exists()
    (fee,) = Charge.objects.filter(order_id=order.id)
    assert (fee.title, fee.amount_fen) == ("违约金", 35640)
    assert not Suspension.objects.filter(ended_at=None).exists()


# ---- address -------------------------------------------------------------------------------------


def test_where_a_line_moves_to_is_picked_from_what_is_found(world, line, signed_in, queries_of):
    url = f"/services/{line.id}/do/move/addresses?field=address&address=hjhy"
    html = signed_in("clerk").get(url).content.decode()
    found = re.findall(r'name="address" value="([^"]+)"', html)
    here = Address.objects.get(pk=line.address_id).full_text
    assert len(found) > 3
    assert here not in found
    assert set(found) <= set(Address.objects.values_list("full_text", flat=True))
    assert "没有" in signed_in("clerk").get(url + "nowhere").content.decode()
    assert signed_in("installer").get(url).status_code == 403
    assert signed_in("foreigner").get(url).status_code == 404


# ---- everywhere ----------------------------------------------------------------------------------

FLOWS = (
    "transfer", "cancel", "change-password", "reset-password", "change-data",
    "change-account", "bind-number", "unbind-number",
)  # fmt: skip


@pytest.mark.parametrize("flow", FLOWS)
def test_wrong_people_and_other_branches_are_turned_away(line, signed_in, flow):
    url = f"/services/{line.id}/do/{flow}/"
    assert signed_in("installer").get(url).status_code == 403
    assert signed_in("foreigner").get(url).status_code == 404


@pytest.mark.parametrize("flow", FLOWS)
def test_without_the_customers_proof_nothing_is_done(line, signed_in, part, flow):
    from kaitong.core.ids import uuid7

    given = {"key": str(uuid7()), "reason": "customer.family", "phone": "13955901234"}
    answer = signed_in("clerk").post(f"/services/{line.id}/do/{flow}/", given, headers=part)
    assert answer.status_code == 422
    assert not ServiceChange.objects.exists()
    assert Order.objects.count() == 1


@pytest.mark.parametrize("flow", FLOWS)
def test_a_line_that_ended_is_refused_with_the_reason(line, counter, signed_in, flow):
    Service.objects.filter(pk=line.id).update(state="terminated", ended_at=clock.now())
    html = signed_in("clerk").get(f"/services/{line.id}/do/{flow}/").content.decode()
    assert "已经销户" in html


def test_two_flows_of_one_line_take_turns(line, counter):
    order = order_of(counter(line, "change-account", mobile="13955901234"))
    page = counter(now_is(line), "transfer", only_look=True)
    assert f"正在办理修改账号（订单 {order.number}）" in page
