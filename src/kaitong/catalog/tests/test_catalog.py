"""The catalogue: versions by playbook hash, retiring instead of deleting, faults all at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kaitong.catalog import queries, services
from kaitong.catalog.errors import KeyTaken, NotOffered
from kaitong.catalog.models import Offering, ServiceSpecification
from kaitong.catalog.services import OfferingEntry, ResourceEntry, ServiceEntry
from kaitong.core.errors import BadInput
from kaitong.core.models import AuditEntry
from kaitong.org.actor import Actor

pytestmark = pytest.mark.django_db

ACTOR = Actor.system()
PLAN = OfferingEntry(
    key="home-300",
    title="300M 家庭宽带",
    title_en="Home broadband 300M",
    services=("access",),
    charges=({"when": "accepted", "amount": 10000, "title": "安装费"},),
    options=("iptv",),
    term="12 months",
)
IPTV = OfferingEntry(key="iptv", title="IPTV", kind="option")
ACCESS = ServiceEntry(
    key="access",
    title="宽带接入",
    needs={"port": {"take": "splitter-port", "hold": "30 minutes"}},
    proven_by=("account", "line"),
)


def deploy(version, offerings=(PLAN, IPTV), specs=(ACCESS,), playbook="home-broadband"):
    return services.deploy(
        actor=ACTOR,
        playbook_key=playbook,
        hash=version,
        offerings=offerings,
        service_specs=specs,
    )


def keys(**more):
    return [o.key for o in queries.current_offerings(ACTOR, **more)]


def test_deployed_entries_can_be_ordered_in_their_own_order():
    done = deploy("h1")

    assert done.activated == ("access", "home-300", "iptv")
    assert keys() == ["home-300", "iptv"]
    assert keys(kind="option") == ["iptv"]
    plan = queries.offering("home-300")
    assert plan.charges == [{"when": "accepted", "amount": 10000, "title": "安装费"}]
    assert plan.options == ["iptv"]
    spec = queries.service_specification("access")
    assert (spec.proven_by, spec.version) == (["account", "line"], "h1")


def test_deploying_the_same_again_changes_nothing():
    deploy("h1")
    before = Offering.objects.get(key="home-300")

    done = deploy("h1")

    assert (done.activated, done.retired) == ((), ())
    assert Offering.objects.get(key="home-300").updated_at == before.updated_at
    assert AuditEntry.objects.filter(kind="catalog-deployed").count() == 1


def test_a_new_version_retires_the_old_and_orders_still_find_it():
    deploy("h1")
    deploy("h2", offerings=(replace(PLAN, title="300M 家庭宽带（新）"),))

    assert keys() == ["home-300"]
    assert queries.offering("home-300").title == "300M 家庭宽带（新）"
    assert queries.offering("home-300", version="h1").title == "300M 家庭宽带"
    assert queries.offering("iptv", version="h1").state == "retired"
    with pytest.raises(NotOffered):
        queries.offering("iptv")
    shown = queries.offerings(["home-300", "iptv", "nope"])
    assert {k: (o.version, o.state) for k, o in shown.items()} == {
        "home-300": ("h2", "active"),
        "iptv": ("h1", "retired"),
    }
    assert Offering.objects.count() == 3
    assert ServiceSpecification.objects.filter(state="active").count() == 1


def test_going_back_to_an_older_version_makes_it_active_again():
    deploy("h1")
    deploy("h2", offerings=(PLAN,))

    done = deploy("h1")

    assert "iptv" in done.activated
    assert keys() == ["home-300", "iptv"]
    assert queries.offering("home-300").version == "h1"
    assert queries.offering("home-300").retired_at is None


def test_a_key_of_another_playbook_is_refused_and_nothing_changes():
    deploy("h1")

    with pytest.raises(KeyTaken, match="home-broadband"):
        deploy("x1", playbook="other")

    assert not Offering.objects.filter(playbook="other").exists()
    assert not ServiceSpecification.objects.filter(playbook="other").exists()


def test_every_fault_of_the_offerings_is_listed():
    bad = (
        replace(PLAN, key=""),
        replace(PLAN, key="a", services=("nothing",)),
        replace(PLAN, key="b", charges=({"amount": 1.5}, {"when": "monthly", "amount": -1})),
        replace(PLAN, key="c", kind="odd"),
    )

    with pytest.raises(BadInput) as caught:
        deploy("h1", offerings=bad)

    assert [f.field for f in caught.value.faults] == [
        "offerings.?",
        "offerings.a.services",
        "offerings.b.charges[0].amount",
        "offerings.b.charges[0].when",
        "offerings.b.charges[1].amount",
        "offerings.c.kind",
    ]
    assert Offering.objects.count() == 0


def test_a_retired_playbook_leaves_the_counter_and_keeps_its_rows():
    deploy("h1")

    assert services.retire(actor=ACTOR, playbook_key="home-broadband") == 3
    assert services.retire(actor=ACTOR, playbook_key="home-broadband") == 0

    assert keys() == []
    assert Offering.objects.count() == 2


def test_resource_specifications_are_known_by_key_and_take_a_new_title():
    entry = ResourceEntry("olt", "OLT", "OLT", "equipment")
    services.define_resources(actor=ACTOR, entries=[entry])
    services.define_resources(actor=ACTOR, entries=[replace(entry, title="光线路终端")])

    assert [(r.key, r.title) for r in queries.resource_specifications()] == [("olt", "光线路终端")]
    with pytest.raises(BadInput):
        services.define_resources(actor=ACTOR, entries=[replace(entry, category="odd")])
