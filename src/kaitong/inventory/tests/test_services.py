"""Services: birth, TMF638 states, proof before active, secrets, accounts and identifiers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.apps import apps

from kaitong.core.clock import frozen, now
from kaitong.core.errors import BadInput, Forbidden, NotFound
from kaitong.core.ids import uuid7
from kaitong.core.models import AuditEntry
from kaitong.inventory import queries, services
from kaitong.inventory.choices import SERVICE_BIRTHS, SERVICE_MOVES, ServiceState
from kaitong.inventory.errors import BadPattern, NotProven, TerminalRefused, WrongState
from kaitong.inventory.models import NumberPool, PoolNumber, Service
from kaitong.inventory.numbers import PASSWORD_ALPHABET, check_logical_id

pytestmark = pytest.mark.django_db

ACCOUNT = "{branch_lower}{area_code}{seq:7}@kd"


def state_of(service) -> str:
    return Service.objects.get(pk=service).state


@pytest.fixture
def line(plant):
    """A service with port, account, logical identifier and password, wanting two proofs."""
    service = plant.service(proven_by=["account", "line"], title="宽带接入")
    services.take_port(actor=plant.actor, service_id=service, order_id=None)
    services.allocate_account(actor=plant.actor, service_id=service, pattern=ACCOUNT)
    services.allocate_logical_id(actor=plant.actor, service_id=service)
    services.issue_password(actor=plant.actor, service_id=service)
    return service


# ---- states --------------------------------------------------------------------------------


def test_states_follow_tmf638(plant):
    """Every pair of states: those of the table pass, all others are refused and change nothing."""
    service = plant.service()
    for old in ServiceState.values:
        for new in ServiceState.values:
            Service.objects.filter(pk=service).update(state=old)
            if new == old or new in SERVICE_MOVES[old]:
                services.set_service_state(actor=plant.actor, service_id=service, state=new)
                assert state_of(service) == new, f"{old} -> {new}"
            else:
                with pytest.raises(WrongState):
                    services.set_service_state(actor=plant.actor, service_id=service, state=new)
                assert state_of(service) == old, f"{old} -> {new}"


@pytest.mark.parametrize(
    "old, new, allowed",
    [
        ("feasibilityChecked", "active", True),
        ("designed", "reserved", True),
        ("reserved", "designed", True),
        ("inactive", "active", True),
        ("active", "inactive", True),
        ("active", "terminated", True),
        ("terminated", "active", True),
        ("inactive", "terminated", False),
        ("designed", "terminated", False),
        ("active", "reserved", False),
        ("inactive", "designed", False),
        ("terminated", "inactive", False),
    ],
)
def test_the_table_is_tmf638s(old, new, allowed):
    """The contract's own list, written out again, so that the table cannot drift."""
    assert (new in SERVICE_MOVES[old]) is allowed


def test_a_service_is_not_born_terminated(plant):
    assert "terminated" not in SERVICE_BIRTHS
    with pytest.raises(BadInput):
        plant.service(state="terminated")


def test_birth_with_a_chosen_identifier_happens_once(plant):
    chosen = uuid7()

    first = plant.service(service_id=chosen, title="一")
    second = plant.service(service_id=chosen, title="二")

    assert first == second == chosen
    assert Service.objects.get().title == "一"


def test_no_service_for_another_branch(plant, other_county, staff_of):
    clerk = staff_of(other_county, "li", "clerk")
    with pytest.raises(Forbidden):
        services.create_service(actor=clerk, branch_id=plant.branch_id, specification="access")
    assert Service.objects.count() == 0


# ---- proof over claim ------------------------------------------------------------------------


def test_only_proven_is_active(plant, line):
    services.set_service_state(
        actor=plant.actor, service_id=line, state="inactive", reason="等待线路验证"
    )
    services.record_proof(actor=plant.actor, service_id=line, kind="account", ok=True)
    services.record_proof(
        actor=plant.actor, service_id=line, kind="line", ok=False, summary="从 0/3/5 上线"
    )

    with pytest.raises(NotProven, match="line"):
        services.set_service_state(actor=plant.actor, service_id=line, state="active")

    view = queries.service(plant.actor, line)
    assert (view.state, view.reason) == ("inactive", "等待线路验证")
    assert view.missing_proofs == ("line",)

    services.record_proof(
        actor=plant.actor, service_id=line, kind="line", ok=True, data={"pon_port": "0/3/6"}
    )
    services.set_service_state(actor=plant.actor, service_id=line, state="active")

    view = queries.service(plant.actor, line)
    assert view.state == "active"
    assert view.started_at is not None
    assert view.latest["line"].data == {"pon_port": "0/3/6"}
    assert [(p.kind, p.ok) for p in view.proofs] == [
        ("account", True),
        ("line", False),
        ("line", True),
    ]


def test_a_later_failed_proof_counts_more_than_an_earlier_good_one(plant, line):
    services.record_proof(actor=plant.actor, service_id=line, kind="account", ok=True)
    services.record_proof(actor=plant.actor, service_id=line, kind="line", ok=True)
    with frozen(now() + timedelta(seconds=5)):
        services.record_proof(actor=plant.actor, service_id=line, kind="line", ok=False)

    with pytest.raises(NotProven):
        services.set_service_state(actor=plant.actor, service_id=line, state="active")


def test_a_new_password_makes_earlier_proofs_void(plant, line):
    for kind in ("account", "line"):
        services.record_proof(actor=plant.actor, service_id=line, kind=kind, ok=True)
    assert queries.service(plant.actor, line).missing_proofs == ()

    with frozen(now() + timedelta(seconds=1)):
        services.set_password(actor=plant.actor, service_id=line, password="abcd2345")

    assert queries.service(plant.actor, line).missing_proofs == ("account", "line")


def test_a_service_with_proofs_to_give_is_not_born_active(plant):
    with pytest.raises(NotProven):
        plant.service(state="active", proven_by=["account"])


# ---- accounts, identifiers -------------------------------------------------------------------


def test_account_and_logical_identifier_follow_their_patterns(plant, line):
    view = queries.service(plant.actor, line)

    assert view.account == "xn05590000001@kd"
    assert view.logical_id == "O055901000000001"
    assert view.logical_id_grouped == "O055 9010 0000 0001"
    assert check_logical_id(view.logical_id) is None
    expected = queries.expected_line(line)
    assert (expected.access_node, expected.pon_port, expected.logical_id) == (
        "XN-HY-OLT01",
        "0/3/6",
        "O055901000000001",
    )
    assert queries.expected_lines([view.account]) == {view.account: expected}


def test_asking_twice_gives_the_same_account(plant, line):
    again = services.allocate_account(actor=plant.actor, service_id=line, pattern=ACCOUNT)
    assert again == "xn05590000001@kd"
    assert PoolNumber.objects.filter(rule="account", state="in-use").count() == 1


def test_an_account_somebody_has_already_is_left_out(plant):
    old = plant.service()
    Service.objects.filter(pk=old).update(account="xn05590000001@kd")

    fresh = services.allocate_account(
        actor=plant.actor, service_id=plant.service(), pattern=ACCOUNT
    )

    assert fresh == "xn05590000002@kd"


def test_a_pool_that_is_used_up_says_so(plant):
    given = {
        services.allocate_account(actor=plant.actor, service_id=plant.service(), pattern="t{seq:1}")
        for _ in range(9)
    }
    assert given == {f"t{n}" for n in range(1, 10)}

    with pytest.raises(BadPattern, match="已用完"):
        services.allocate_account(actor=plant.actor, service_id=plant.service(), pattern="t{seq:1}")


def test_a_logical_identifier_pattern_that_breaks_the_rule_is_refused(plant):
    with pytest.raises(BadPattern, match="应为字母 O"):
        services.allocate_logical_id(
            actor=plant.actor, service_id=plant.service(), pattern="X{seq:15}"
        )
    assert NumberPool.objects.count() == 0


def test_numbers_rest_before_somebody_else_gets_them(plant):
    service = plant.service()
    mine = services.allocate_account(
        actor=plant.actor, service_id=service, pattern="q{seq:1}", quarantine_days=90
    )
    services.give_back(actor=plant.actor, service_id=service)
    assert PoolNumber.objects.get(value=mine).state == "quarantine"

    services.expire_reservations()
    assert PoolNumber.objects.get(value=mine).state == "quarantine"
    with frozen(now() + timedelta(days=91)):
        services.expire_reservations()
    assert PoolNumber.objects.get(value=mine).state == "free"


# ---- secrets ---------------------------------------------------------------------------------


def test_password_is_encrypted_masked_and_reading_it_is_recorded(plant, line, staff_of, county):
    stored = Service.objects.filter(pk=line).values_list("password", flat=True).get()
    clerk = staff_of(county, "wang", "clerk")

    clear = services.reveal_password(actor=clerk, service_id=line, reason="客户忘记密码")

    assert len(clear) == 10
    assert set(clear) <= set(PASSWORD_ALPHABET)
    assert clear.encode() not in bytes(stored)
    view = queries.service(plant.actor, line)
    assert view.password_masked == "••••••"
    assert clear not in repr(view)
    entry = AuditEntry.objects.get(kind="password-read")
    assert (entry.actor_id, entry.subject_id) == (clerk.id, line)
    assert entry.data == {"reason": "客户忘记密码"}


@pytest.mark.parametrize("reason", ["", "   "])
def test_password_is_not_shown_without_a_reason(plant, line, reason):
    with pytest.raises(BadInput):
        services.reveal_password(actor=plant.actor, service_id=line, reason=reason)
    assert not AuditEntry.objects.filter(kind="password-read").exists()


def test_another_branch_cannot_read_a_password(plant, line, other_county, staff_of):
    with pytest.raises(NotFound):
        services.reveal_password(
            actor=staff_of(other_county, "zhao", "supervisor"), service_id=line, reason="x"
        )
    assert not AuditEntry.objects.filter(kind="password-read").exists()


def test_issuing_again_replaces_the_password_only_when_asked(plant, line):
    def read():
        return services.reveal_password(actor=plant.actor, service_id=line, reason="t")

    first = read()
    services.issue_password(actor=plant.actor, service_id=line)
    assert read() == first
    services.issue_password(actor=plant.actor, service_id=line, again=True)
    assert read() != first


def test_history_of_a_service_never_holds_the_password(plant, line):
    fields = {f.name for f in apps.get_model("inventory", "ServiceEvent")._meta.get_fields()}
    assert "account" in fields
    assert "password" not in fields


# ---- withdrawal, reading ---------------------------------------------------------------------


def test_withdrawal_gives_port_and_numbers_back(plant, line):
    services.withdraw_service(actor=plant.actor, service_id=line, reason="客户撤单")
    services.withdraw_service(actor=plant.actor, service_id=line, reason="再点一次")

    view = queries.service(plant.actor, line)
    assert (view.port, view.account, view.logical_id, view.has_password) == (None, "", "", False)
    assert view.reason == "客户撤单"
    assert view.state == "terminated"
    assert view.withdrawn_at == view.ended_at
    assert queries.port_counts(plant.actor)["free"] == 8
    assert not PoolNumber.objects.filter(state="in-use").exists()


def test_a_service_that_has_worked_is_not_withdrawn(plant):
    service = plant.service()
    services.set_service_state(actor=plant.actor, service_id=service, state="active")

    with pytest.raises(WrongState, match="销户"):
        services.withdraw_service(actor=plant.actor, service_id=service, reason="x")


def test_lists_ask_a_constant_number_of_queries(plant, django_assert_num_queries):
    orders = []
    for _ in range(5):
        service = plant.service()
        services.take_port(actor=plant.actor, service_id=service, order_id=None)
        services.record_proof(actor=plant.actor, service_id=service, kind="account", ok=True)
        orders.append(Service.objects.get(pk=service).order_id)

    with django_assert_num_queries(1):
        lines = queries.lines_of_orders(orders)
    with django_assert_num_queries(4):
        views = queries.services_of_orders(orders)
    with django_assert_num_queries(5):
        page, total = queries.services(plant.actor, states=["designed"], limit=3)

    first = lines[orders[0]][0]
    assert first.address_short == "横江花园 6栋1单元101室"
    assert (first.state, first.account) == ("designed", views[orders[0]][0].account)
    assert views[orders[0]][0].port_text == "OLT-01 0/3/6 · 6栋1单元 POS-01/01"
    assert views[orders[4]][0].latest["account"].ok
    assert (len(page), total) == (3, 5)
    assert [v.id for v in page] == sorted((v.id for v in page), reverse=True)


def test_service_is_found_by_its_account_in_its_branch(plant, line, other_county, staff_of):
    account = queries.service(plant.actor, line).account
    found = queries.service_by_account(plant.actor, f" {account} ")
    assert found is not None
    assert found.id == line
    stranger = staff_of(other_county, "qian", "clerk")
    assert queries.service_by_account(stranger, account) is None
    assert queries.services(stranger) == ([], 0)


def test_characteristics_are_merged(plant):
    service = plant.service(characteristics={"down": 300, "iptv": True})
    row = services.set_characteristics(
        actor=plant.actor, service_id=service, values={"down": 500, "iptv": None}
    )
    assert row.characteristics == {"down": 500}


# ---- terminals -------------------------------------------------------------------------------


@pytest.fixture
def stock(plant):
    rows = [services.TerminalRow(f"hwtc000{n}", "HG8145X6") for n in range(3)]
    assert services.add_terminals(actor=plant.actor, branch_id=plant.branch_id, rows=rows) == 3
    assert services.add_terminals(actor=plant.actor, branch_id=plant.branch_id, rows=rows) == 0
    return [row.serial.upper() for row in rows]


def test_unknown_terminal_is_refused(plant, line, stock):
    with pytest.raises(TerminalRefused, match="不在库存里"):
        services.install_terminal(actor=plant.actor, service_id=line, serial="NOPE")
    assert queries.terminals_of([line]) == {}


def test_installed_terminal_is_refused_elsewhere(plant, line, stock):
    services.install_terminal(actor=plant.actor, service_id=line, serial=stock[0])
    services.install_terminal(actor=plant.actor, service_id=line, serial=stock[0].lower())

    with pytest.raises(TerminalRefused, match="另一个服务"):
        services.install_terminal(actor=plant.actor, service_id=plant.service(), serial=stock[0])
    assert [t.serial for t in queries.terminals_of([line])[line]] == [stock[0]]


def test_changed_terminal_goes_back_to_the_installers_hands(plant, line, stock, staff_of, county):
    installer = staff_of(county, "sun", "installer")
    services.issue_terminals(actor=plant.actor, serials=stock[:2], holder_id=installer.id)
    services.install_terminal(actor=installer, service_id=line, serial=stock[0])
    services.install_terminal(actor=installer, service_id=line, serial=stock[1])

    old = queries.terminal(plant.actor, stock[0])
    assert (old.state, old.holder_id, old.service_id) == ("issued", installer.id, None)
    services.to_recover(actor=plant.actor, service_id=line)
    services.return_to_stock(actor=plant.actor, serials=[stock[1]])
    assert [(s["state"], s["count"]) for s in queries.stock(plant.actor)] == [
        ("in-stock", 2),
        ("issued", 1),
    ]
