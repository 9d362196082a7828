"""Papers of a real order: what each says, masked and once, and that it can be read.

F-26 业务受理单 with acceptance, F-29 施工工单 when the data are made, F-31 in 收费凭据 when paid.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest
from django.utils import translation

from kaitong.cli.__main__ import parser
from kaitong.cli.orders import paper_print
from kaitong.conftest import lacking
from kaitong.core.errors import Conflict, NotFound
from kaitong.core.home import library
from kaitong.documents import printing
from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import ResourceState
from kaitong.ordering import papers, refunds
from kaitong.ordering import queries as orders
from kaitong.ordering import services as ordering
from kaitong.ordering.models import FailedRefund, Order
from kaitong.ordering.timeline import timeline
from kaitong.org.actor import Actor

pytestmark = [pytest.mark.django_db(transaction=True)]

PHONE, NUMBER, NAME = "13905590123", "341022197001151214", "王明远"
SECRETS = (PHONE, NUMBER, NAME)
FOLDER = library() / "home-broadband/papers"


def of_kind(office, order, kind: str):
    found = documents.papers_of_order(office.people["clerk"], order.id)
    return [p for p in found if p.kind == kind and p.state == "issued"]


def the(office, order, kind: str):
    (paper,) = of_kind(office, order, kind)
    return paper


def data_of(office, order, kind: str) -> dict:
    paper = the(office, order, kind)
    paper.refresh_from_db()
    return document_verbs.paper_data(paper)


def words_of(pdf: bytes, tmp_path) -> str:
    """The text of a PDF without blanks: a justified line breaks anywhere."""
    file = tmp_path / "sheet.pdf"
    file.write_bytes(pdf)
    try:
        made = subprocess.run(
            ["pdftotext", "-layout", str(file), "-"], capture_output=True, check=True
        )
    except FileNotFoundError:
        lacking("pdftotext", "apt-get install poppler-utils")
    return "".join(made.stdout.decode().split())


def pay(office, order, key: str = "once", **more: object):
    return ordering.pay(
        actor=office.people["clerk"], order_id=order.id, method="cash", key=key, **more
    )


def shape(value):
    """Keys all the way down; of a list, its first element's."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value and isinstance(value[0], dict) else []
    return None


def missing(sample, given, place: str = "") -> list[str]:
    """Keys of a sample that the given data have not. A null stands for anything."""
    if isinstance(sample, dict) and isinstance(given, dict):
        found = [f"{place}.{key}" for key in sample if key not in given]
        for key in sample.keys() & given.keys():
            found += missing(sample[key], given[key], f"{place}.{key}")
        return found
    if isinstance(sample, list) and isinstance(given, list) and sample and given:
        return missing(sample[0], given[0], f"{place}[0]")
    return []


@pytest.mark.parametrize("kind", ["receipt", "work-order", "voucher"])
def test_sheet_has_every_key_its_template_reads_and_no_other(office, kind):
    order = office.submit()
    pay(office, order)
    sample = shape(json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8")))
    given = shape(data_of(office, order, kind))
    assert missing(sample, given) == []
    extra = [key for key in missing(given, sample) if key != ".paper.print_no"]
    assert extra == []


def test_receipt_says_who_what_where_and_how_much(office, tmp_path):
    order = office.submit(description="下午在家")
    pay(office, order)
    clerk = office.people["clerk"]
    data = data_of(office, order, "receipt")
    assert data["order"] == order.number
    assert data["customer"]["name"] == "王*远"
    assert data["customer"]["phone"] == "139****0123"
    assert data["due"].endswith("前完成（受理起 48 小时）")
    assert data["items"][0] == {
        "title": "300M 家庭宽带",
        "action": "新装",
        "detail": "下行 300M，上行 50M，合约 12 个月",
        "monthly": 9900,
    }
    assert data["fees"] == [{"title": "安装费", "note": "装机前撤单全退", "amount": 10000}]
    assert data["payment"] == "待收"  # it was issued before anybody paid
    paper = the(office, order, "receipt")
    text = words_of(document_verbs.pdf(clerk, paper.id), tmp_path)
    for said in (
        paper.number, order.number, "王*远", "139****0123", "横江花园6栋1单元101室",
        "100.00", "壹佰元整", "99.00", "家庭宽带接入新装", paper.verify_code, "营业厅",
        "休宁分公司",
    ):  # fmt: skip
        assert said in text, said
    assert paper.number.startswith("XN-SD-")
    assert not [secret for secret in SECRETS if secret in text]


def test_work_order_says_where_the_line_goes(office, tmp_path):
    order = office.submit()
    service = office.show(order)["services"][0]
    data = data_of(office, order, "work-order")
    assert data["line"]["logical_id"] == service["logical_id"]
    assert data["line"]["box"] == "横江花园 6栋1单元 POS-01"
    assert (data["line"]["pon"], data["line"]["olt"]) == ("0/3/6", "OLT-01　XN-HY-OLT01")
    assert data["line"]["port"] in {f"{n:02d} 口" for n in range(1, 9)}
    assert data["appointment"] is None
    assert data["paper"]["verify_url"].startswith(f"/orders/{order.id}/?paper=")
    paper = the(office, order, "work-order")
    text = words_of(document_verbs.pdf(office.people["installer"], paper.id), tmp_path)
    for said in (paper.number, service["account"], service["logical_id"], "王*远", "101室"):
        assert said in text, said
    assert not [secret for secret in SECRETS if secret in text]
    assert "••" not in text
    assert "password" not in json.dumps(data)


def test_voucher_says_what_was_paid_and_that_nothing_is_invoiced(office, tmp_path):
    order = office.submit()
    payment = pay(office, order, reference="094058")
    data = data_of(office, order, "voucher")
    assert data["receipt"] == the(office, order, "receipt").number
    assert sum(fee["amount"] for fee in data["fees"]) == payment.amount_fen == 10000
    assert data["invoice"] == {"state": "未开票", "number": None}
    assert data["cashier"] == "clerk（clerk）"
    paper = the(office, order, "voucher")
    text = words_of(document_verbs.pdf(office.people["clerk"], paper.id), tmp_path)
    for said in (paper.number, order.number, "王*远", "现金", "100.00", "未开票", "094058", "已收"):
        assert said in text, said
    assert not [secret for secret in SECRETS if secret in text]


def test_sheets_are_chinese_whoever_issues_them(office):
    with translation.override("en"):
        order = office.submit()
        pay(office, order)
    assert data_of(office, order, "receipt")["customer"]["document_type"] == "居民身份证"
    assert data_of(office, order, "receipt")["items"][0]["action"] == "新装"
    assert data_of(office, order, "voucher")["payment"]["method"] == "现金"


def test_each_is_issued_once_although_the_verbs_run_twice(office):
    order = office.submit(idempotency_key="k-1")
    assert office.submit(idempotency_key="k-1").id == order.id
    assert pay(office, order).pk == pay(office, order).pk
    with pytest.raises(Conflict):
        pay(office, order, key="another")
    row = Order.objects.get(pk=order.id)
    actor = Actor.system(branch_id=row.branch_id)
    again = papers.issue(actor=actor, order=row, when=("accepted", "assigned", "paid"))
    assert again == []
    issued = documents.papers_of_order(office.people["clerk"], order.id)
    assert sorted(p.kind for p in issued) == ["receipt", "voucher", "work-order"]
    assert len({p.number for p in issued}) == 3


def test_second_print_is_a_copy(office, tmp_path):
    order = office.submit()
    clerk = office.people["clerk"]
    paper = the(office, order, "receipt")
    first = words_of(document_verbs.print_copy(actor=clerk, paper_id=paper.id), tmp_path)
    second = words_of(document_verbs.print_copy(actor=clerk, paper_id=paper.id), tmp_path)
    assert "次打印" not in first
    assert "第2次打印" in second
    assert "副" in second.replace(first, "")
    assert paper.number in first
    assert paper.number in second


def test_another_branch_finds_no_paper_and_cannot_pay(office, other_county, staff_of):
    order = office.submit()
    stranger = staff_of(other_county, "stranger", "clerk", "installer", "supervisor")
    paper = the(office, order, "receipt")
    assert documents.papers_of_order(stranger, order.id) == []
    for attempt in (
        lambda: document_verbs.pdf(stranger, paper.id),
        lambda: document_verbs.print_copy(actor=stranger, paper_id=paper.id),
        lambda: documents.paper(stranger, paper.id),
        lambda: ordering.pay(actor=stranger, order_id=order.id, method="cash", key="x"),
        lambda: papers.paper_of(stranger, orders.order(office.people["clerk"], order.id)),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert of_kind(office, order, "voucher") == []


def test_appointment_stands_on_the_work_order_nobody_has_seen(office):
    order = office.submit()
    before = the(office, order, "work-order")
    office.complete(order, "Appoint")
    after = the(office, order, "work-order")
    assert (after.pk, after.number) == (before.pk, before.number)
    start = orders.order(office.people["clerk"], order.id).appointment_start
    said = data_of(office, order, "work-order")["appointment"]
    assert f"{start.astimezone():%M}" in said
    assert "周" in said
    assert "–" in said


def test_new_appointment_makes_the_printed_work_order_void(office):
    order = office.submit()
    printed = the(office, order, "work-order")
    document_verbs.pdf(office.people["installer"], printed.id)
    office.complete(order, "Appoint")
    valid = the(office, order, "work-order")
    assert valid.number != printed.number
    assert data_of(office, order, "work-order")["appointment"]
    printed.refresh_from_db()
    assert printed.state == "void"
    papers.renew(actor=office.people["installer"], order_id=order.id)
    assert the(office, order, "work-order").pk == valid.pk


def test_order_that_waits_for_a_port_gets_its_work_order_later(office):
    actor = office.plant.actor
    kept = [office.plant.port(n) for n in range(1, 9)]
    for port in kept:
        inventory.keep(actor=actor, resource_id=port, reason="test")
    order = office.submit()
    assert [p.kind for p in documents.papers_of_order(actor, order.id)] == ["receipt"]
    inventory.set_resource_state(
        actor=actor, resource_id=kept[0], state=ResourceState.FREE, reason="test"
    )
    office.complete(order, "PortException", decision="retry")
    assert data_of(office, order, "work-order")["line"]["port"] == "01 口"


def test_refusal_of_a_paid_order_gives_a_voucher_of_the_refund(office):
    order = office.submit(read=False)
    pay(office, order)
    assert of_kind(office, order, "work-order") == []
    office.complete(
        order, "DocumentReview", decision="refuse", decision_reason="证件过期", document_read=False
    )
    waiting = FailedRefund.objects.get(order=order)  # the customer fetches it at the counter
    given = {"document_number": "341022197001151214"}
    refunds.authenticate(actor=office.people["clerk"], refund_id=waiting.pk, given=given)
    refunds.settle(actor=office.people["clerk"], refund_id=waiting.pk, reason="customer")
    found = documents.papers_of_order(office.people["clerk"], order.id)
    taken, back = [p for p in found if p.kind == "voucher"]
    assert (taken.state, back.state) == ("void", "issued")
    assert back.number in taken.void_reason
    refund = document_verbs.paper_data(type(back).objects.get(pk=back.pk))
    assert refund["status"] == "已退"
    assert [fee["amount"] for fee in refund["fees"]] == [-10000]
    assert "退单" in refund["fees"][0]["note"]
    assert refund["void"]["original"] == taken.number != back.number


def test_rejected_order_has_no_papers(office):
    order = office.submit(address=office.plant.no_entry)
    assert documents.papers_of_order(office.people["clerk"], order.id) == []


def test_papers_stand_in_the_timeline(office):
    order = office.submit()
    clerk = office.people["clerk"]
    shown = timeline(clerk, orders.order(clerk, order.id))
    titles = {entry.title: entry.text for entry in shown if entry.kind == "paper"}
    assert titles == {
        "业务受理单": the(office, order, "receipt").number,
        "施工工单": the(office, order, "work-order").number,
    }


def test_template_is_the_one_of_the_version_that_the_order_pinned(office, monkeypatch, tmp_path):
    order = office.submit()
    monkeypatch.setenv("KAITONG_LIBRARY", str(tmp_path / "gone"))
    assert document_verbs.pdf(office.people["clerk"], the(office, order, "receipt").id)
    assert pay(office, order).amount_fen == 10000
    assert document_verbs.pdf(office.people["clerk"], the(office, order, "voucher").id)


def test_long_wishes_stay_whole_and_long_names_masked(office, tmp_path):
    wishes = "请联系后再上门，" * 12
    name = "欧阳买买提艾力江阿卜杜热合曼"
    order = office.submit(
        customer=replace(office.request().customer, name=name), description=wishes
    )
    paper = the(office, order, "work-order")
    text = words_of(document_verbs.pdf(office.people["clerk"], paper.id), tmp_path)
    assert wishes in text.replace("客户嘱咐", "")  # the label stands between two lines
    assert name not in text
    assert "欧阳买买…合曼" in text.replace("⋯", "…")


def test_command_prints_a_paper_and_marks_the_next_as_a_copy(office, tmp_path, capsys):
    order = office.submit()
    file = tmp_path / "sheet.pdf"

    def run(*words: str) -> None:
        paper_print(parser().parse_args(["paper", "print", *words, "-o", str(file)]))

    run(order.number, "work-order")
    assert the(office, order, "work-order").number in capsys.readouterr().out
    assert "次打印" not in words_of(file.read_bytes(), tmp_path)
    run(str(order.id), "work-order")
    assert "第2次打印" in words_of(file.read_bytes(), tmp_path)
    run(order.number)
    assert "业务受理单" in capsys.readouterr().out
    with pytest.raises(NotFound, match="receipt"):
        run(order.number, "voucher")


# ---- printing many ----


def marked_with(word: str, text: str) -> bool:
    """Whether a word stands across the sheet: slanted, it comes out sign by sign."""
    return all(sign in text for sign in word)


def pages_of(pdf: bytes, tmp_path) -> int:
    file = tmp_path / "pages.pdf"
    file.write_bytes(pdf)
    made = subprocess.run(["pdfinfo", str(file)], capture_output=True, text=True, check=True)
    return int(next(x for x in made.stdout.splitlines() if x.startswith("Pages")).split()[1])


def test_many_work_orders_in_one_file_by_appointment_and_counted(office, tmp_path):
    late, soon = office.submit(), office.submit()
    office.complete(soon, "Appoint")
    actor = office.people["installer"]
    numbers = [the(office, order, "work-order").number for order in (soon, late)]

    found, without = papers.work_sheets(actor, [late.id, soon.id])
    data = printing.print_together(actor=actor, paper_ids=[p.pk for p in found], note="没有的")

    assert ([p.number for p in found], without) == (numbers, [])
    text = words_of(data, tmp_path)
    assert text.index(numbers[0]) < text.index(numbers[1]) < text.index("没有的")
    assert not marked_with("副本", text)
    each = [printing.page_count(document_verbs.pdf(actor, p.pk)) for p in found]
    assert pages_of(data, tmp_path) == sum(each) + 1
    again = printing.print_together(actor=actor, paper_ids=[p.pk for p in found])
    assert marked_with("副本", words_of(again, tmp_path))
    assert words_of(again, tmp_path).count("第2次打印") == 2
    found[0].refresh_from_db()
    assert found[0].printed == 2


def test_nothing_is_counted_when_one_sheet_is_strange(office):
    order = office.submit()
    paper = the(office, order, "work-order")
    with pytest.raises(NotFound):
        printing.print_together(actor=office.people["installer"], paper_ids=[paper.pk, order.pk])
    paper.refresh_from_db()
    assert paper.printed == 0


def test_a_void_paper_says_so_on_the_screen_too(office, tmp_path):
    order = office.submit()
    actor = office.people["installer"]
    paper = the(office, order, "work-order")
    original = printing.to_look_at(actor, paper.pk)
    document_verbs.void_paper(actor=actor, paper_id=paper.pk, reason="另出新单")

    shown = printing.to_look_at(actor, paper.pk)

    assert not marked_with("作废", words_of(original, tmp_path))
    assert marked_with("作废", words_of(shown, tmp_path))
    assert document_verbs.pdf(actor, paper.pk) == original
    paper.refresh_from_db()
    assert paper.printed == 0


def test_the_workbench_prints_what_is_picked(office, client, tmp_path):
    from kaitong.org.models import Staff
    from kaitong.process import queries as process

    order = office.submit()
    item = process.open_items_of(office.people["installer"], [order.id])[order.id][0]
    client.force_login(
        Staff.objects.get(pk=office.people["installer"].id),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    made = client.post("/work/print.pdf", {"pick": [str(item.id)]})
    assert made["Content-Type"] == "application/pdf"
    assert the(office, order, "work-order").number in words_of(made.content, tmp_path)
    assert client.post("/work/print.pdf", {"pick": []}).status_code == 409
