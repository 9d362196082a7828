"""终端库存: handed out, taken back, written off, counted; what is at a customer's stays."""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from kaitong.core.errors import KaitongError
from kaitong.core.ids import uuid7
from kaitong.core.models import AuditEntry
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory import stock
from kaitong.inventory.models import StockCount, Terminal
from kaitong.org.actor import Actor

SERIALS = [f"HWTC{n:08X}" for n in range(1, 41)]


def states(*serials: str) -> list[str]:
    rows = dict(Terminal.objects.values_list("serial", "state"))
    return [rows[one] for one in serials]


def test_pieces_are_handed_out_taken_back_and_written_off(world, signed_in):
    keeper, installer = signed_in("resource"), world.actor("installer")
    html = keeper.get("/stock/").content.decode()
    for word in ("HG8145X6", "在库", "领用", "已装", "待回收", "报废", "终端库存"):
        assert word in html
    two = "hwtc00000001, HWTC00000002\nHWTC00000001"
    given = {"serials": two, "holder": str(installer.id)}
    for _click in range(2):  # a double click
        assert keeper.post("/stock/hand-out", given).status_code == 302
    held = inventory.terminals_held(installer)
    assert [one.serial for one in held] == SERIALS[:2]
    assert "汪志强" in keeper.get("/stock/?state=issued").content.decode()
    for _click in range(2):
        assert keeper.post("/stock/take-back", {"serials": SERIALS[0]}).status_code == 302
    assert states(*SERIALS[:2]) == ["in-stock", "issued"]
    assert (
        "没有填写原因" in keeper.post("/stock/write-off", {"serials": SERIALS[0]}).content.decode()
    )
    given = {"serials": SERIALS[0], "reason": "雷击损坏"}
    for _click in range(2):
        assert keeper.post("/stock/write-off", given).status_code == 302
    assert states(SERIALS[0]) == ["scrapped"]
    (told,) = AuditEntry.objects.filter(kind="terminals-written-off")
    assert told.data == {"serials": [SERIALS[0]], "reason": "雷击损坏"}


def test_what_cannot_is_refused_whole_and_what_was_typed_stays(world, signed_in):
    keeper, line = signed_in("resource"), world.line(1)
    inventory_verbs.install_terminal(actor=Actor.system(), service_id=line.id, serial=SERIALS[0])
    holder = str(world.actor("installer").id)
    for verb, serials, said in (
        ("hand-out", f"{SERIALS[1]} {SERIALS[0]}", f"{SERIALS[0]}（已装）"),
        ("take-back", SERIALS[0], "已装的先办拆机或更换"),
        ("write-off", SERIALS[0], "客户处的终端不能报废"),
        ("hand-out", f"{SERIALS[1]} NOPE", "NOPE 不在库存里"),
        ("hand-out", "", "没有填写串号"),
        ("hand-out", " ".join(f"X{n}" for n in range(501)), "一次最多 500 个"),
    ):
        given = {"serials": serials, "holder": holder, "reason": "坏"}
        answer = keeper.post(f"/stock/{verb}", given)
        text = answer.content.decode()
        assert (answer.status_code, said in text) == (422, True), (verb, serials[:40])
        assert serials[:20] in text
    for nobody in ("", "nonsense", str(world.actor("clerk").id), str(uuid7())):
        given = {"serials": SERIALS[1], "holder": nobody}
        assert keeper.post("/stock/hand-out", given).status_code == 422
    assert states(*SERIALS[:2]) == ["installed", "in-stock"]
    inventory_verbs.to_recover(actor=Actor.system(), service_id=line.id)
    refused = keeper.post("/stock/take-back", {"serials": SERIALS[0]}).content.decode()
    assert "待回收的在拆机工单上登记" in refused


def test_a_count_says_what_is_missing_surplus_and_unknown_and_each_is_settled(world, signed_in):
    keeper = signed_in("resource")
    holder = world.actor("installer").id
    stock.hand_out(actor=world.actor("resource"), serials=SERIALS[:1], holder_id=holder)
    key = str(uuid7())
    seen = [SERIALS[0], *SERIALS[3:], "NEVER-SEEN-1"]  # two lie nowhere
    given = {"serials": "\n".join(seen), "key": key, "note": "年末盘点"}
    urls = {keeper.post("/stock/count", given).headers["Location"] for _click in range(2)}
    (row,), (url,) = StockCount.objects.all(), urls
    assert (row.expected, row.found, row.missing) == (39, 39, SERIALS[1:3])
    assert (row.surplus, row.unknown) == (
        [{"serial": SERIALS[0], "state": "issued"}],
        ["NEVER-SEEN-1"],
    )
    assert states(*SERIALS[:2]) == ["issued", "in-stock"]  # a count changes nothing
    page = keeper.get(url).content.decode()
    assert "年末盘点" in page
    for word in ("缺少", "多出", "未登记"):
        assert word in page
    settled = {"serials": SERIALS[0], "next": str(row.pk)}
    assert keeper.post("/stock/take-back", settled).headers["Location"] == url
    settled = {"serials": "\n".join(SERIALS[1:3]), "reason": "盘亏", "next": str(row.pk)}
    assert keeper.post("/stock/write-off", settled).headers["Location"] == url
    assert states(*SERIALS[:3]) == ["in-stock", "scrapped", "scrapped"]
    page = keeper.get(url).content.decode()
    assert "找不到的报废" not in page
    assert "领用的退库" not in page
    again = {"serials": "\n".join([SERIALS[0], *SERIALS[3:]]), "key": str(uuid7())}
    agree = keeper.get(keeper.post("/stock/count", again).headers["Location"]).content.decode()
    assert "账实相符" in agree
    of_model = {"serials": "X", "key": str(uuid7()), "model": "nothing of it"}
    assert keeper.post("/stock/count", of_model).status_code == 422
    of_model["model"] = "HG8145X6"
    assert keeper.post("/stock/count", of_model).status_code == 302


def test_who_may_not_and_another_branch(world, signed_in):
    """Who watches the network reads; a clerk and an installer have no door; others find nothing."""
    assert "s-move" not in signed_in("monitor").get("/stock/").content.decode()
    given = {"serials": SERIALS[0], "holder": str(world.actor("installer").id), "key": "k"}
    for verb in ("hand-out", "take-back", "write-off", "count"):
        for who in ("monitor", "clerk", "installer"):
            assert signed_in(who).post(f"/stock/{verb}", given).status_code == 403
    for verb in ("hand-out", "take-back"):
        answer = signed_in("foreigner").post(f"/stock/{verb}", given)
        assert answer.status_code == 422
    stock.count(actor=world.actor("resource"), serials=SERIALS, key="ours")
    url = f"/stock/counts/{StockCount.objects.get().pk}/"
    assert signed_in("foreigner").get(url).status_code == 404
    assert SERIALS[0] not in signed_in("foreigner").get("/stock/").content.decode()
    assert signed_in("resource").post("/stock/nonsense", given).status_code == 404
    assert set(states(*SERIALS)) == {"in-stock"}


def test_the_page_costs_the_same_for_more_pieces_and_reads_in_english(world, signed_in, queries_of):
    keeper = signed_in("resource")
    holder = world.actor("installer").id
    keeper.get("/stock/")
    stock.hand_out(actor=world.actor("resource"), serials=SERIALS[:1], holder_id=holder)
    few = queries_of(lambda: keeper.get("/stock/"))
    stock.hand_out(actor=world.actor("resource"), serials=SERIALS[1:30], holder_id=holder)
    assert queries_of(lambda: keeper.get("/stock/")) == few
    keeper.cookies["django_language"] = "en"
    page = keeper.get("/stock/").content.decode()
    assert "Hand out, take back, write off" in page


@pytest.mark.django_db(transaction=True)
def test_one_piece_is_handed_to_one_of_two(db, nothing_kept):
    from kaitong.org import services as org
    from kaitong.web.tests import world as making

    world = making.build(rooms=2, boxes=1)
    org.ensure_staff(
        username="second", name="吴斌", branch=world.branch, password=making.PASSWORD,
        posts=("installer",),
    )  # fmt: skip
    takers = [world.actor("installer").id, world.actor("second").id]
    keepers = [world.actor("resource"), world.actor("supervisor")]
    gate, heard = threading.Barrier(2), []

    def give(keeper, taker):
        try:
            gate.wait(10)
            stock.hand_out(actor=keeper, serials=SERIALS[:2], holder_id=taker)
            heard.append(taker)
        except KaitongError as refused:
            heard.append(refused)
        finally:
            connections.close_all()

    both = [threading.Thread(target=give, args=pair) for pair in zip(keepers, takers, strict=True)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    (given,) = [one for one in heard if not isinstance(one, KaitongError)]
    assert len(heard) == 2
    rows = Terminal.objects.filter(serial__in=SERIALS[:2])
    assert set(rows.values_list("state", "holder_id")) == {("issued", given)}


def test_a_stale_count_writes_off_nothing_that_moved_and_another_list_is_another_count(
    world, signed_in
):
    keeper, boss = signed_in("resource"), world.actor("resource")
    key = str(uuid7())
    given = {"serials": "\n".join(SERIALS[3:]), "key": key}
    first = keeper.post("/stock/count", given).headers["Location"]
    # back in the browser, one more piece found: the page's key is the same, the list is not
    given["serials"] = "\n".join(SERIALS[2:])
    second = keeper.post("/stock/count", given).headers["Location"]
    assert first != second
    row = StockCount.objects.get(pk=second.split("/")[3])
    assert row.missing == SERIALS[:2]
    # a colleague finds one of the lost and hands it out, and another comes and goes
    for held in SERIALS[:2]:
        stock.hand_out(actor=boss, serials=[held], holder_id=world.actor("installer").id)
    stock.take_back(actor=boss, serials=SERIALS[1:2])
    stale = {"serials": "\n".join(SERIALS[:2]), "reason": "盘亏", "next": str(row.pk)}
    refused = keeper.post("/stock/write-off", stale)
    assert refused.status_code == 422
    assert "盘点后有人动过的终端不是丢失" in refused.content.decode()
    assert states(*SERIALS[:2]) == ["issued", "in-stock"]
    assert "找不到的报废" not in keeper.get(second).content.decode()
    foreign = signed_in("foreigner").post("/stock/write-off", stale)
    assert foreign.status_code in (403, 404, 422)


def test_a_shelf_of_many_is_one_count_and_another_model_on_it_is_no_difference(world, signed_in):
    keeper, boss = signed_in("resource"), world.actor("resource")
    many = [f"ZTEG{n:08X}" for n in range(1, 601)]
    inventory_verbs.add_terminals(
        actor=boss,
        branch_id=world.branch.id,
        rows=[inventory_verbs.TerminalRow(one, "F650") for one in many],
    )
    given = {"serials": "\n".join([SERIALS[0], *many]), "key": str(uuid7()), "model": "F650"}
    page = keeper.post("/stock/count", given).headers["Location"]
    row = StockCount.objects.get()
    assert (row.expected, row.found, row.missing, row.surplus) == (600, 600, [], [])
    assert "账实相符" in keeper.get(page).content.decode()
    # of more than one list may hold, as many as one holds are settled at a time
    row = stock.count(actor=boss, serials=many[:1], key="few", model="F650")
    url = f"/stock/counts/{row.pk}/"
    for left in (599, 99):
        text = keeper.get(url).content.decode()
        lost = text.partition('name="serials" hidden>')[2].partition("<")[0].split()
        assert len(lost) == min(left, stock.MOST)
        act = {"serials": "\n".join(lost), "reason": "盘亏", "next": str(row.pk)}
        assert keeper.post("/stock/write-off", act).headers["Location"] == url
    assert Terminal.objects.filter(model="F650", state="in-stock").count() == 1
