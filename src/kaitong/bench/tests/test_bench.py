"""Every benchmark at its smallest size, on the tests' database, so that benchmarks never rot."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.db import connection

from kaitong.activation.models import Difference, Reconciliation
from kaitong.bench import (
    billing,
    broadband,
    commits,
    imports,
    loader,
    orders,
    pages,
    papers,
    ports,
    process_order,
    process_scale,
    reporting,
    walking,
    world,
)
from kaitong.bench import process as steps
from kaitong.bench.figures import Figure, keyed, percentile, table
from kaitong.bench.place import Place
from kaitong.inventory.models import Proof
from kaitong.lab.errors import LabMissing
from kaitong.lab.radius import find_programs
from kaitong.ordering.models import Order, ServiceChange
from kaitong.playbooks import queries as playbooks
from kaitong.process import definitions
from kaitong.process import queries as process
from kaitong.process.models import Instance, Timer, WorkItem
from kaitong.reporting.models import OrderFact, OrderFigure
from kaitong.worktime import queries as worktime


def by_name(figures):
    return {figure.name: figure for figure in figures}


@pytest.fixture
def place(transactional_db, monkeypatch):
    """The tests' database, seeded small; child processes are pointed at it."""
    for keeper in (playbooks, definitions, worktime):
        keeper.forget()
    settings = connection.settings_dict
    url = (
        f"postgresql://{settings['USER']}:{settings['PASSWORD']}"
        f"@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"
    )
    monkeypatch.setenv("KAITONG_DATABASE_URL", url)
    county = world.people_and_playbooks()
    world.lay_plant(county, first=0, boxes=16, terminals=128)
    monkeypatch.setattr(orders, "ROOMS_A_WALKER", 30)
    yield Place(dsn=lambda _name: url, version=0, borrowed=str(settings["NAME"]))
    with connection.cursor() as cursor:  # no model of Django's empties it
        cursor.execute("DELETE FROM process_history")
        cursor.execute("DROP TABLE IF EXISTS commit_limit")  # pgbench's
        cursor.execute(
            "DROP TABLE IF EXISTS bare_process, bare_token, bare_task, bare_history, spiff_state"
        )
    for keeper in (playbooks, definitions, worktime):
        keeper.forget()


def test_orders(place):
    found = by_name(orders.run(place, replace(orders.SMALL, networks=(False,))))
    assert found["orders, without network: steps an order"].value == 7
    assert found["orders, without network: writing commits an order"].value >= 7
    assert found["orders, without network, 1 worker: commit limit"].value > 0
    assert found["orders, without network, 1 worker: CPU a step"].value > 0
    assert Order.objects.filter(state="completed").count() >= 2
    assert not process.check()


def test_process(place):
    found = keyed(steps.run(place, steps.SMALL))
    for key in ("limit", "base", "kaitong", "spiff"):
        assert set(found[f"{key}_orders_per_s"]) == {"1", "2"}
        assert all(speed > 0 for speed in found[f"{key}_orders_per_s"].values())
    assert found["kaitong_cpu_ms_per_step"]["1"] > 0
    ended = Instance.objects.filter(state="completed")
    assert ended.count() > 6
    # every engine came to the same end
    done = {name for name, _feel, _python in process_order.SCRIPTS.values()}
    done |= {name for answers in process_order.ANSWERS.values() for name in answers}
    wanted = {*process_order.DATA, *done}
    assert set(ended.first().variables) == wanted
    with connection.cursor() as cursor:
        cursor.execute("select variables::text from bare_process where state = 'done' limit 1")
        assert set(json.loads(cursor.fetchone()[0])) == wanted
        cursor.execute("select state from spiff_state limit 1")
        ended_in = cursor.fetchone()[0]
    assert all(f'"{name}"' in ended_in for name in wanted)
    items = WorkItem.objects.filter(instance__in=ended)
    assert items.filter(due_at=None).count() == 0
    assert items.exclude(completed_by=None).count() == items.count() == 5 * ended.count()
    assert not process.check()


def test_process_scale(place):
    size = process_scale.SMALL
    found = by_name(process_scale.run(place, size))
    assert found["process-scale: waiting instances"].value >= size.many
    assert found["process-scale: lines of history"].value >= size.lines * 0.9
    assert found["process-scale: on disk a waiting instance"].value > 1000
    assert found["process-scale: timers due at once"].value == size.timers
    fired = Timer.objects.filter(state="fired").count()
    assert fired == size.timers
    # what was copied goes on as an order that was walked would
    assert not process.check()


@pytest.mark.radius
def test_orders_on_the_network(place):
    try:
        find_programs()
    except LabMissing as missing:
        from kaitong.conftest import lacking

        lacking("FreeRADIUS", missing.remedy)
    found = by_name(orders.run(place, replace(orders.SMALL, most=1, networks=(True,))))
    # three exchanges with the AAA server are kept besides what a walk without network writes
    assert found["orders, FreeRADIUS: writing commits an order"].value >= 10
    proofs = Proof.objects.filter(kind="line", ok=True)
    assert proofs.count() >= Order.objects.filter(state="completed").count() > 0
    assert all(proof.data["result"] == "proven" for proof in proofs)


@pytest.mark.radius
def test_broadband(place, monkeypatch):
    try:
        find_programs()
    except LabMissing as missing:
        from kaitong.conftest import lacking

        lacking("FreeRADIUS", missing.remedy)
    monkeypatch.setattr(loader.partitions, "ensure", lambda **_months: [])
    found = by_name(broadband.run(place, broadband.SMALL))
    lines = found["broadband: live accounts"].value
    assert lines > 30
    assert found["broadband: accounts by the adapter in batches"].value > 0
    changed = ServiceChange.objects.exclude(ended_at=None)
    assert changed.exists()
    assert not changed.exclude(item__state="completed").exists()
    assert found["broadband: changes of lines"].value > 0
    assert found["broadband: reconciliation"].mark == "pass"
    assert found["broadband: memory while it compares"].mark == "pass"
    assert Reconciliation.objects.get().compared >= lines
    assert not Difference.objects.exclude(kind="extra").exists()  # other tests' may be there
    assert found["broadband: change page, p95"].value > 0
    assert not process.check()


def test_ports(place):
    found = by_name(ports.run(place, ports.SMALL))
    assert found["ports: taken"].value == ports.SMALL.ports
    assert all(figure.mark != "miss" for name, figure in found.items() if "share" not in name)


def test_figures_of_many_orders(place, monkeypatch):
    # months of the past are made for good: not in a database that other tests use too
    monkeypatch.setattr(loader.partitions, "ensure", lambda **_months: [])
    size = reporting.SMALL
    found = by_name(reporting.run(place, size))
    assert found["figures: orders in the facts"].value == size.orders
    assert found["figures: new orders folded"].value > 0
    assert found["figures: page, all branches, month, p95"].mark == "pass"
    # real orders that were copied say of themselves what walked ones do
    done = OrderFact.objects.exclude(number__startswith="Q-").filter(outcome="completed")
    assert done.count() >= 0.8 * size.folded
    assert all(fact.gross is not None and fact.contact is not None for fact in done)
    total = sum(OrderFigure.objects.filter(grain="m", by="plan").values_list("received", flat=True))
    assert total == OrderFact.objects.count() >= size.orders + size.folded


def test_pages_over_copied_orders(place, monkeypatch):
    # months of the past are made for good: not in a database that other tests use too
    monkeypatch.setattr(loader.partitions, "ensure", lambda **_months: [])
    size = pages.SMALL
    found = by_name(pages.run(place, size))
    assert found["pages: orders in the database"].value == size.orders + len(loader.STAGES)
    for name in ("workbench", "order list", "TMF641 list"):
        assert found[f"pages: {name}, more for more rows"].value == 0
    assert set(Order.objects.values_list("state", flat=True)) == {
        "completed", "held", "inProgress", "rejected",
    }  # fmt: skip
    # a copy goes on as an order that was walked would
    copied = Order.objects.filter(state="inProgress", number__contains="-B").order_by("id")
    waiting = process.open_items_of(walking.SYSTEM, [order.pk for order in copied])
    item = next(i for items in waiting.values() for i in items if i.node == "Accept")
    walking.Walker(90).complete(item)
    assert Order.objects.get(pk=item.business_id).state == "completed"


def test_papers(place):
    found = papers.run(place, papers.SMALL)
    assert all(figure.value > 0 for figure in found)


def test_import(place):
    found = by_name(imports.run(place, imports.SMALL))
    assert found["import: addresses, XLSX"].value > 0
    assert found["import: times the peer"].value > 0
    assert all(figure.mark != "miss" for figure in found.values())


def test_commit_limit_scales_with_the_commits(place):
    url = place.dsn("")
    commits.prepare(url)
    one = commits.limit(url, clients=1, seconds=1, commits=1)
    ten = commits.limit(url, clients=1, seconds=1, commits=10)
    assert one > ten * 2


def test_figures():
    figure = Figure("a", 3.0, "ms", "<=", 2.0, "note")
    assert figure.mark == "miss"
    assert Figure("a", 3.0, "ms", ">=", 2.0).mark == "pass"
    assert Figure("a", 3.0, "ms").mark == ""
    assert "miss" in table([figure])
    assert percentile(range(1, 101), 0.95) == 95


def test_billing_bills_everything_once_and_the_books_balance(place):
    found = by_name(billing.run(place, replace(billing.SMALL, services=60)))
    assert found["billing: services billed and settled"].value > 0
    assert found["billing: do the books balance"].mark == "pass"
