"""Lists as workbooks: what the page shows, masked as it shows it, nothing calculated."""

from __future__ import annotations

import io
from datetime import datetime

import pytest
from python_calamine import CalamineWorkbook

from kaitong.core.errors import Forbidden
from kaitong.core.models import AuditEntry
from kaitong.ordering.models import Order
from kaitong.ordering.requests import OrderFilter
from kaitong.org.actor import Actor
from kaitong.transfer.book import Book, OutColumn
from kaitong.web import exports


def read(data: bytes) -> list[dict]:
    rows = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def orders_of(actor, *filters, **options) -> list[dict]:
    target = io.BytesIO()
    exports.orders_book(actor, filters, target, **options)
    return read(target.getvalue())


def test_orders_go_out_masked_with_real_dates(world):
    order = world.order(3)
    world.order(4)

    rows = orders_of(world.actor("supervisor"))

    assert len(rows) == 2
    row = next(r for r in rows if r["订单号"] == order.number)
    assert row["联系电话"] == "138****0003"
    assert "志伟" not in row["客户"]
    assert isinstance(row["受理时间"], datetime)
    assert isinstance(row["应竣工"], datetime)
    assert "海阳镇" in row["地址"]
    assert row["当前环节"]
    recorded = AuditEntry.objects.get(kind="exported")
    assert recorded.data == {"rows": 2, "in_clear": False}


def test_in_clear_only_for_a_supervisor_and_each_reading_recorded(world):
    world.order(3)

    with pytest.raises(Forbidden):
        orders_of(world.actor("clerk"), reveal="回访")
    with pytest.raises(Forbidden):
        orders_of(Actor.system(), reveal="回访")
    assert not AuditEntry.objects.filter(kind="party.reveal").exists()

    row = orders_of(world.actor("supervisor"), reveal="回访")[0]

    assert row["联系电话"] == "13855900003"
    assert row["客户"].endswith("志伟")
    read_of = AuditEntry.objects.filter(kind="party.reveal", data__reason="回访")
    assert sorted(read_of.values_list("data__field", flat=True)) == ["name", "phone"]


def test_filters_and_branches_hold(world):
    first = world.order(3)
    world.order(4)
    rows = orders_of(
        world.actor("supervisor"), OrderFilter(field="number", op="eq", value=first.number)
    )
    assert [row["订单号"] for row in rows] == [first.number]
    assert orders_of(world.actor("foreigner")) == []


def test_formulas_stay_text(world):
    order = world.order(3)
    Order.objects.filter(pk=order.pk).update(reason='=HYPERLINK("http://x","y")')
    row = orders_of(world.actor("supervisor"))[0]
    assert row["原因"] == '=HYPERLINK("http://x","y")'


def test_work_items_of_a_tab(world):
    order = world.order(3)
    target = io.BytesIO()
    exports.work_book(world.actor("installer"), target, tab="todo")
    rows = read(target.getvalue())
    assert [row["订单号"] for row in rows] == [order.number]
    assert rows[0]["状态"] == "待接单"
    assert rows[0]["催办次数"] in (0, "")
    assert isinstance(rows[0]["到岗时间"], datetime)


def test_a_full_sheet_goes_on_in_the_next():
    target = io.BytesIO()
    with Book(target, "表", (OutColumn("a"), OutColumn("b", kind="whole")), most_rows=2) as book:
        for number in range(5):
            book.add((f"{number}", number))
    names = CalamineWorkbook.from_filelike(io.BytesIO(target.getvalue())).sheet_names
    assert names == ["表", "表 2", "表 3"]


def test_the_lists_offer_their_export(world, signed_in):
    order = world.order(3)
    client = signed_in("supervisor")
    for page, address in (("/orders/", "/orders/export.xlsx"), ("/work/", "/work/export.xlsx")):
        assert address in client.get(page).content.decode()
    answer = client.get("/orders/export.xlsx?tab=open")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert [r["订单号"] for r in read(b"".join(answer.streaming_content))] == [order.number]
    assert read(b"".join(client.get("/orders/export.xlsx?tab=ended").streaming_content)) == []
    work = signed_in("installer").get("/work/export.xlsx?tab=todo")
    assert len(read(b"".join(work.streaming_content))) == 1


def test_the_cost_does_not_grow_with_the_rows(county_of_sixty, queries_of):
    world = county_of_sixty
    supervisor = world.actor("supervisor")
    world.order(1)
    one = queries_of(lambda: orders_of(supervisor))
    for serial in range(2, 12):
        world.order(serial)
    assert queries_of(lambda: orders_of(supervisor)) == one
