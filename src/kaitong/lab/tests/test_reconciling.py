"""Reconciliation: each kind of difference planted at the real AAA server, found once, repaired."""

from __future__ import annotations

import json
from datetime import timedelta

import psycopg
import pytest

from kaitong.activation import actions, reconciling, services
from kaitong.activation.models import Difference, Reconciliation
from kaitong.core.clock import frozen, now
from kaitong.core.errors import Forbidden, NotFound
from kaitong.core.home import library
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.lab.tests.test_activation import (  # noqa: F401  fixtures
    SYSTEM,
    aaa_rows,
    ctx,
    element,
    password_of,
    service,
)
from kaitong.playbooks import services as playbook_verbs
from kaitong.process import definitions, worker
from kaitong.process.models import Message, WorkItem

pytestmark = [pytest.mark.radius, pytest.mark.django_db]


@pytest.fixture
def alone(lab):
    """The server holds no account of other tests."""
    with psycopg.connect(lab.cluster.dsn("radius"), autocommit=True) as admin:
        for table in ("radcheck", "radreply", "radusergroup"):
            admin.execute(f"DELETE FROM {table}")
        yield admin


@pytest.fixture
def working(ctx, service, alone):  # noqa: F811
    actions.apply_service(ctx)
    for kind in ("account", "line"):
        inventory_verbs.record_proof(actor=SYSTEM, service_id=service.id, kind=kind, ok=True)
    inventory_verbs.set_service_state(actor=SYSTEM, service_id=service.id, state="active")
    return inventory.service(SYSTEM, service.id)


@pytest.fixture
def clerk(county, staff_of):
    return staff_of(county, "own", "network")


def found() -> dict:
    return {d.account: (d.kind, set(d.fields)) for d in Difference.objects.filter(closed_at=None)}


def plan_row(alone, account, group="free-riders"):
    alone.execute(
        "UPDATE radusergroup SET groupname = %s WHERE username = %s AND priority = 10",
        [group, account],
    )


def test_what_agrees_is_no_difference(element, working):  # noqa: F811
    run = reconciling.reconcile(element)
    assert (run.compared, run.found) == (1, 0)
    assert found() == {}


def test_each_kind_is_found_named_and_kept_once(element, working, alone, service):  # noqa: F811
    account = working.account
    alone.execute(
        "INSERT INTO radcheck (username, attribute, op, value)"
        " VALUES ('ghost@kd', 'Cleartext-Password', ':=', 'boo-boo')"
    )
    plan_row(alone, account)
    alone.execute("UPDATE radcheck SET value = 'planted' WHERE username = %s", [account])
    alone.execute(
        "INSERT INTO radusergroup (username, groupname, priority) VALUES (%s, 'suspended', 0)",
        [account],
    )
    for _ in range(2):
        reconciling.reconcile(element)
        assert found() == {
            account: ("different", {"plan", "password", "state"}),
            "ghost@kd": ("extra", {"groups"}),
        }
    assert Difference.objects.count() == 2
    row = Difference.objects.get(account=account)
    assert row.fields["plan"] == ["home-broadband-300-50", "free-riders"]
    assert row.fields["state"] == ["open", "suspended"]
    assert row.service_id == working.id
    text = json.dumps(list(Difference.objects.values()), default=str)
    assert "planted" not in text
    assert password_of(working) not in text
    for table in ("radcheck", "radusergroup"):
        alone.execute(f"DELETE FROM {table} WHERE username = %s", [account])
    reconciling.reconcile(element)
    assert found()[account] == ("missing", set())
    assert Difference.objects.count() == 2


def test_gone_it_is_closed_and_back_it_is_new(element, working, alone):  # noqa: F811
    plan_row(alone, working.account)
    reconciling.reconcile(element)
    plan_row(alone, working.account, "home-broadband-300-50")
    assert reconciling.reconcile(element).closed == 1
    assert found() == {}
    plan_row(alone, working.account)
    reconciling.reconcile(element)
    assert Difference.objects.count() == 2


def test_a_suspended_service_must_be_barred_there(element, working, alone):  # noqa: F811
    inventory_verbs.suspend(actor=SYSTEM, service_id=working.id, kind="arrears", reason="")
    reconciling.reconcile(element)
    row = Difference.objects.get()
    assert row.fields == {"state": ["suspended-arrears", "open"]}


def test_an_order_under_way_is_no_difference(element, service, ctx, alone):  # noqa: F811
    """Sent and not yet recorded as sent: the account is there, the service not yet built."""
    change = actions.desired_account(service, element, password_of(service))
    from kaitong.activation.adapters.base import Conversation

    services.adapter(element).apply(change, Conversation())
    assert service.state == "designed"
    reconciling.reconcile(element)
    assert found() == {}


def test_sending_again_repairs(element, working, alone, clerk, ctx):  # noqa: F811
    alone.execute("DELETE FROM radcheck WHERE username = %s", [working.account])
    reconciling.reconcile(element)
    row = Difference.objects.get()
    reconciling.resend(actor=clerk, difference_id=row.pk)
    row.refresh_from_db()
    assert (row.closed_how, row.closed_by) == ("resent", clerk.id)
    assert actions.prove_account(ctx) == {"account_proven": True}


def test_removing_wants_a_second_look(element, working, alone, clerk, aaa, county):  # noqa: F811
    alone.execute(
        "INSERT INTO radcheck (username, attribute, op, value)"
        " VALUES ('ghost@kd', 'Cleartext-Password', ':=', 'boo-boo')"
    )
    reconciling.reconcile(element)
    row = Difference.objects.get()
    city = type(clerk)(
        **{f: getattr(clerk, f) for f in clerk.__dataclass_fields__}
        | {"branch_id": element.branch_id, "branch_ids": (element.branch_id, *clerk.branch_ids)}
    )
    seen = reconciling.fingerprint(row)
    with pytest.raises(NotFound):  # an account nobody has is the city's, whose server it is
        reconciling.remove(actor=clerk, difference_id=row.pk, seen=seen)
    with frozen(now() + timedelta(minutes=5)):
        reconciling.reconcile(element)  # it was looked at again: what was shown is old
    with pytest.raises(reconciling.NotRepaired):
        reconciling.remove(actor=city, difference_id=row.pk, seen=seen)
    row.refresh_from_db()
    reconciling.remove(actor=city, difference_id=row.pk, seen=reconciling.fingerprint(row))
    assert aaa_rows(aaa, "ghost@kd") == [[], [], []]
    assert found() == {}


def test_an_account_a_service_has_by_now_is_not_removed(element, working, alone, clerk):  # noqa: F811
    row = Difference.objects.create(
        element=element, branch_id=working.branch_id, account=working.account, kind="extra",
        seen_at=now(),
    )  # fmt: skip
    with pytest.raises(reconciling.NotRepaired, match="已有服务"):
        reconciling.remove(actor=clerk, difference_id=row.pk, seen=reconciling.fingerprint(row))


def test_only_the_network_post_repairs_and_only_in_its_branch(
    element, working, alone, county, other_county, staff_of  # noqa: F811
):  # fmt: skip
    plan_row(alone, working.account)
    reconciling.reconcile(element)
    row = Difference.objects.get()
    with pytest.raises(Forbidden):
        reconciling.resend(actor=staff_of(county, "seller", "clerk"), difference_id=row.pk)
    with pytest.raises(NotFound):
        reconciling.resend(actor=staff_of(other_county, "foreign", "network"), difference_id=row.pk)


@pytest.mark.django_db(transaction=True)
def test_a_difference_is_work_that_takes_itself_away(element, working, alone, county):  # noqa: F811
    definitions.forget()
    playbook_verbs.deploy(actor=SYSTEM, folder=library() / "home-broadband")
    plan_row(alone, working.account)
    for _ in range(2):
        reconciling.reconcile(element)
        worker.drain_all()
    item = WorkItem.objects.get()
    assert (item.post, item.node, item.branch_id) == ("network", "AccountDifference", county.id)
    assert Message.objects.filter(name="account-differs").count() == 1
    plan_row(alone, working.account, "home-broadband-300-50")
    reconciling.reconcile(element)
    worker.drain_all()
    item.refresh_from_db()
    assert item.state == "cancelled"
    definitions.forget()


def test_only_so_many_are_work_at_one_time(element, working, alone):  # noqa: F811
    element.connection["differences_at_once"] = 3
    element.save()
    for number in range(8):
        alone.execute(
            "INSERT INTO radcheck (username, attribute, op, value)"
            " VALUES (%s, 'Cleartext-Password', ':=', 'x')",
            [f"ghost{number}@kd"],
        )
    reconciling.reconcile(element)
    assert Difference.objects.count() == 8
    assert Difference.objects.exclude(told_at=None).count() == 3
    alone.execute("DELETE FROM radcheck WHERE username IN ('ghost0@kd', 'ghost1@kd')")
    reconciling.reconcile(element)
    standing = Difference.objects.filter(closed_at=None)
    assert (standing.count(), standing.exclude(told_at=None).count()) == (6, 3)


def test_it_runs_as_often_as_the_element_says(element, working):  # noqa: F811
    assert reconciling.reconcile_due() == 0
    element.connection["reconcile_every"] = 24
    element.save()
    assert [reconciling.reconcile_due() for _ in range(2)] == [1, 0]
    with frozen(now() + timedelta(hours=25)):
        assert reconciling.reconcile_due() == 1
    assert Reconciliation.objects.count() == 2
