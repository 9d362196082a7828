"""网元割接: a branch gets another AAA server, and no line is left behind at the old one."""

from __future__ import annotations

import pytest
from django.test import Client

from kaitong.activation import carrying, reconciling
from kaitong.activation import services as activation
from kaitong.activation.adapters.base import AccountState, Proof, ProofKind, ProofResult
from kaitong.activation.choices import DifferenceKind
from kaitong.activation.found import Found
from kaitong.activation.kinds.aaa import AaaKind
from kaitong.activation.models import Difference, NetworkElement
from kaitong.core.errors import BadInput, Forbidden
from kaitong.org.models import Staff
from kaitong.transfer import carrying as carries
from kaitong.transfer import jobs
from kaitong.transfer.models import Job
from tests.path.bundles_kit import MemoryAdapter, Network
from tests.path.dying import reaping
from tests.path.moves_kit import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def network(monkeypatch):
    """AAA servers in memory, each what its record calls its box."""
    held = Network()

    def adapter(_kind, record, _secrets):
        return MemoryAdapter(held, record["box"])

    monkeypatch.setattr(AaaKind, "adapter", adapter)
    return held


def register(key: str, branch) -> NetworkElement:
    return activation.register_element(
        key=key, kind="aaa", title=key, branch_id=branch.pk,
        connection={"box": key}, secret={},
    )  # fmt: skip


@pytest.fixture
def lines(office, county, network):
    """Three lines at the city's server, one of them suspended; the county has its own by now."""
    register("city", county.parent)
    orders = [
        office.submit(address=office.plant.rooms[n], idempotency_key=str(n)) for n in range(3)
    ]
    office.work()
    accounts = sorted(network.standing("city"))
    assert len(accounts) == len(orders) == 3
    register("county", county)
    return accounts


def test_lines_are_carried_in_batches_stopped_and_taken_up_again(lines, network, office):
    (share,) = carrying.plan(actor=SYSTEM, key="city")
    assert (share.new.key, share.lines, share.left) == ("county", 3, 3)
    asked = iter([False, True])
    report = carrying.carry(actor=SYSTEM, key="city", batch=2, stop=lambda: next(asked))
    assert (report.carried, report.stopped, report.troubles) == (2, True, {})
    assert sorted([*network.standing("city"), *network.standing("county")]) == lines
    report = carrying.carry(actor=SYSTEM, key="city", batch=2)
    assert (report.carried, report.stopped) == (1, False)
    assert network.standing("city") == {}
    assert sorted(network.standing("county")) == lines
    assert carrying.plan(actor=SYSTEM, key="city")[0].left == 0
    assert carrying.carry(actor=SYSTEM, key="city").carried == 0
    with pytest.raises(BadInput):
        carrying.plan(actor=SYSTEM, key="none")
    with pytest.raises(Forbidden):
        carrying.plan(actor=office.people["clerk"], key="city")


def test_what_is_not_proven_at_the_new_one_stays_at_the_old_one(lines, network):
    network.deaf.add("county")
    report = carrying.carry(actor=SYSTEM, key="city")
    assert report.carried == 0
    assert sorted(report.troubles) == lines
    assert sorted(network.standing("city")) == lines


def test_an_old_element_that_is_away_leaves_its_removal_as_work(lines, network):
    network.down.add("city")
    assert carrying.plan(actor=SYSTEM, key="city")[0].left is None
    report = carrying.carry(actor=SYSTEM, key="city")
    assert (report.carried, report.left) == (0, 3)
    assert sorted(network.standing("county")) == lines
    carrying.carry(actor=SYSTEM, key="city")  # again it is the same work
    rows = Difference.objects.filter(closed_at=None)
    assert sorted(rows.values_list("account", flat=True)) == lines
    assert not rows.filter(told_at=None).exists()
    assert not reconciling._is_used(rows[0])  # it may be taken out there
    network.down.clear()
    assert carrying.carry(actor=SYSTEM, key="city").carried == 3
    assert network.standing("city") == {}


def test_killed_anywhere_the_next_run_ends_it(lines, network):
    with reaping() as reaper:
        strike = 0
        while True:
            strike += 1
            reaper.waits_for(strike)
            if reaper.lives(lambda: carrying.carry(actor=SYSTEM, key="city", batch=1)):
                break
            both = {**network.standing("city"), **network.standing("county")}
            assert sorted(both) == lines  # at no moment is a line nowhere
            assert set(both.values()) == {AccountState.OPEN.value}
    assert strike > 1
    assert network.standing("city") == {}
    assert sorted(network.standing("county")) == lines


def page_of(person, key: str):
    client = Client()
    client.force_login(
        Staff.objects.get(pk=person.id), backend="django.contrib.auth.backends.ModelBackend"
    )
    return client, f"/elements/{NetworkElement.objects.get(key=key).pk}/"


def test_the_network_carries_lines_on_a_page_and_sees_what_failed(
    lines, network, office, county, staff_of
):
    """Tried without a change, begun once, stopped, gone on with after a worker died, told why."""
    client, place = page_of(staff_of(county.parent, "carrier", "network"), "city")
    html = client.get(place).content.decode()
    assert "3 条线路的分公司已由别的网元服务" in html
    assert client.post(f"{place}carry", {"trial": "1"}).status_code == 302
    jobs.drain(jobs.LONG_QUEUE)
    assert "原网元仍有 3 条线路的数据" in client.get(place).content.decode()
    assert sorted(network.standing("city")) == lines
    # one at a time; stopped before a worker took it
    client.post(f"{place}carry")
    refused = client.post(f"{place}carry")
    assert (refused.status_code, "正在进行" in refused.content.decode()) == (409, True)
    job = Job.objects.get(state="queued")
    client.post(f"{place}carry/{job.pk}/stop")
    assert "已停止" in client.get(place).content.decode()
    # a worker began it and died; another goes on, and what is refused is told and tried again
    network.deaf.add("county")
    client.post(f"{place}carry")
    Job.objects.filter(state="queued").update(state="running", summary={"carried": 7})
    jobs.drain(jobs.LONG_QUEUE)
    html = client.get(place, headers={"HX-Request": "true", "KT-Part": "carry"}).content.decode()
    for said in ("已割接 7 条", "3 条没有办成", "没有办成的线路", "再来一次"):
        assert said in html, said
    network.deaf.clear()
    client.post(f"{place}carry")
    jobs.drain(jobs.LONG_QUEUE)
    assert "已割接 3 条" in client.get(place).content.decode()
    assert network.standing("city") == {}
    # nobody else may, by page or by the address of the job
    clerk, place = page_of(office.people["clerk"], "city")
    assert clerk.get(place).status_code == 403
    assert clerk.post(f"{place}carry").status_code == 403
    assert clerk.post(f"/transfers/{job.pk}/cancel").status_code == 404


def test_a_branch_served_from_above_is_told_so(network, county, staff_of):
    """An element is its branch's own to see to; below, no empty list pretends there is none."""
    person = staff_of(county, "below", "network")
    client, _place = page_of(person, register("city", county.parent).key)
    html = client.get("/elements/").content.decode()
    assert "本分公司没有自己的网元" in html
    assert "还没有网元" not in html
    NetworkElement.objects.all().delete()
    assert "还没有网元" in client.get("/elements/").content.decode()


def test_stopping_on_a_page_ends_no_other_job_and_a_failure_keeps_what_was_carried(
    lines, network, office, county, staff_of, monkeypatch
):
    person = staff_of(county.parent, "carrier", "network")
    client, place = page_of(person, "city")
    other = Job.objects.create(
        branch_id=county.parent.pk, asked_by_id=person.id, kind="import.plant", name="a.csv"
    )
    assert client.post(f"{place}carry/{other.pk}/stop").status_code == 404
    other.refresh_from_db()
    assert other.state == "queued"
    proven = iter([True])

    def prove(*_given):  # the new one goes away after the first
        if not next(proven, False):
            raise RuntimeError
        return Proof(ProofKind.ACCOUNT, ProofResult.PROVEN)

    monkeypatch.setattr(carrying, "_prove", prove)
    monkeypatch.setattr(carries, "BATCH", 1)
    client.post(f"{place}carry")
    jobs.drain(jobs.LONG_QUEUE)
    job = Job.objects.get(kind="carry.lines")
    assert (job.state, job.summary["carried"]) == ("failed", 1)
    assert "已割接 1 条" in client.get(place).content.decode()


def test_a_line_of_a_long_circuit_is_left_as_work(county):
    element = register("city", county.parent)
    name = "@" + "x" * 128  # a marked circuit as long as a DHCP server holds
    found = Found(name, DifferenceKind.EXTRA, county.pk)
    reconciling.keep_as_work(element, found)
    assert Difference.objects.get().account == name
