"""Fixed voice as a process runs it, against a real Kamailio, with sipp as the telephone.

Covers: apply (again, twice at once, dry, many), account and line proven or not and why, shut off
for a reason and on again, another password, another number, taken out, platform or database away in
the middle, nothing secret stored, two telephones that talk.
"""

from __future__ import annotations

import dataclasses
import threading
from datetime import timedelta

import psycopg
import pytest

from kaitong.activation import (
    actions,
    life,
    operating,
    queries,
    reconciling,
    services,
    watching,
)
from kaitong.activation.adapters.base import AccountChange, AccountState, Conversation
from kaitong.activation.adapters.sip import ha1
from kaitong.activation.errors import ElementProblem
from kaitong.activation.models import Difference
from kaitong.activation.records import For
from kaitong.catalog import services as catalog
from kaitong.catalog.services import ServiceEntry
from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.lab import commands
from kaitong.lab.phone import Telephone
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext, BusinessError, Transient, Wait

pytestmark = [pytest.mark.voice, pytest.mark.django_db]

SYSTEM = Actor.system()


@pytest.fixture
def element(voice, county):
    return services.register_element(
        key="voice",
        kind="voice",
        title="固话平台",
        branch_id=county.parent_id,
        connection=voice.settings().connection(),
        secret=voice.settings().secrets(),
    )


@pytest.fixture
def service(county, element):
    """A telephone with number and password, not yet in the network."""
    entry = ServiceEntry(
        key="voice",
        title="固定电话",
        activates=[{"on": "voice", "map": {"number": "number", "password": "password"}}],
        proven_by=["account", "line"],
    )
    catalog.deploy(
        actor=SYSTEM, playbook_key="fixed", hash="h1", offerings=[], service_specs=[entry]
    )
    made = inventory_verbs.create_service(
        actor=SYSTEM,
        branch_id=county.id,
        specification="voice",
        playbook="fixed",
        version="h1",
        order_id=uuid7(),
        proven_by=["account", "line"],
    )
    pattern = "0559" + str(uuid7().int)[-6:] + "{seq:2}"
    inventory_verbs.allocate_account(actor=SYSTEM, service_id=made.id, pattern=pattern)
    inventory_verbs.issue_password(actor=SYSTEM, service_id=made.id)
    return inventory.service(SYSTEM, made.id)


@pytest.fixture
def ctx(service):
    return ActionContext(
        instance_id=uuid7(),
        business_id=None,
        branch_id=service.branch_id,
        node="Activate",
        token_id=uuid7(),
        key="command-1",
        inputs={"service_id": str(service.id)},
        actor_id=None,
        now=now(),
        parameters={},
    )


@pytest.fixture
def working(ctx, service, phone):
    """In operation, its telephone registered."""
    actions.apply_service(ctx)
    assert phone.on(service.account, password_of(service)).done
    actions.prove_account(ctx)
    actions.prove_line(ctx)
    inventory_verbs.set_service_state(actor=SYSTEM, service_id=service.id, state="active")
    return inventory.service(SYSTEM, service.id)


@pytest.fixture
def rows(voice):
    """The platform's rows of a number, by table."""
    with psycopg.connect(voice.dsn(), autocommit=True) as database:

        def of(number):
            return {
                table: database.execute(
                    f"SELECT count(*) FROM {table} WHERE username = %s", [number]
                ).fetchone()[0]
                for table in ("subscriber", "usr_preferences", "dbaliases", "location")
            }

        yield of


@pytest.fixture
def alone(voice):
    """The platform holds no number of other tests."""
    with psycopg.connect(voice.cluster.dsn("kamailio"), autocommit=True) as admin:
        for table in ("subscriber", "usr_preferences", "dbaliases", "location"):
            admin.execute(f"DELETE FROM {table}")


def now_is(service):
    return inventory.service(SYSTEM, service.id)


def password_of(service):
    return inventory_verbs.reveal_password(actor=SYSTEM, service_id=service.id, reason="test")


def with_inputs(context, **values):
    return dataclasses.replace(context, inputs={**context.inputs, **values})


NOTHING = {"subscriber": 0, "usr_preferences": 0, "dbaliases": 0, "location": 0}


# ---- opening ----


def test_a_number_is_opened_proven_and_waits_for_its_telephone(ctx, service, phone, rows):
    actions.apply_service(ctx)
    assert rows(service.account) == {**NOTHING, "subscriber": 1, "dbaliases": 2}
    assert actions.prove_account(ctx) == {"account_proven": True}
    assert now_is(service).latest["account"].data["wrong_password_answer"].startswith("401")
    assert rows(service.account)["location"] == 0  # the platform's own question is taken back
    waiting = actions.prove_line(with_inputs(ctx, patience=60))
    assert isinstance(waiting, Wait)
    assert waiting.reason == f"未见固定电话 {service.account} 的话机注册。"
    with pytest.raises(BusinessError) as unseen:
        actions.prove_line(ctx)
    assert unseen.value.values == {"proof_result": "not-seen"}
    assert list(watching.seen_now([now_is(service)])) == []
    assert phone.on(service.account, password_of(service)).done
    assert actions.prove_line(ctx) == {"line_proven": True}
    proof = now_is(service).latest["line"]
    assert (proof.ok, proof.data["seen"]["user_agent"]) == (True, "Lab-Telephone")
    ((seen, mark),) = watching.seen_now([now_is(service)])  # whoever waits for it is told
    assert (seen.id, [m for _, m in watching.seen_now([seen])]) == (service.id, [mark])


def test_a_telephone_heard_only_before_the_number_was_given_here_proves_nothing(
    ctx, service, voice
):
    actions.apply_service(ctx)
    assert Telephone(voice).on(service.account, password_of(service)).done
    with psycopg.connect(voice.cluster.dsn("kamailio"), autocommit=True) as admin:
        admin.execute(
            "UPDATE location SET last_modified = last_modified - interval '2 hours'"
            " WHERE username = %s",
            [service.account],
        )
    with pytest.raises(BusinessError, match="以后没有注册"):
        actions.prove_line(ctx)


def test_sent_again_nothing_changes_and_a_dry_run_changes_nothing(ctx, service, element, rows):
    change = AccountChange(account=service.account, password="Kd-8848-right")
    told = services.apply_account(element, change, For(service.branch_id), dry_run=True)
    assert (told.statements, rows(service.account)) == (3, NOTHING)
    assert "Kd-8848-right" not in told.request
    actions.apply_service(ctx)
    before = rows(service.account)
    actions.apply_service(dataclasses.replace(ctx, attempt=2))
    assert rows(service.account) == before
    assert queries.exchanges(SYSTEM, service_id=service.id)[-1].response == "stands already"


def test_nothing_secret_is_stored_of_what_was_said(ctx, working, voice):
    password = password_of(working)
    hashed = ha1(working.account, voice.settings().domain, password)
    life.change_password(ctx)
    said = queries.exchanges(SYSTEM, service_id=working.id)
    assert len(said) >= 4
    for one in said:
        for secret in (password, hashed, voice.settings().oss_password):
            assert secret not in one.request + one.response


def test_another_password_at_the_platform_is_refused_and_says_so(ctx, service, element):
    services.apply_account(
        element, AccountChange(account=service.account, password="else"), For(service.branch_id)
    )
    with pytest.raises(BusinessError) as refused:
        actions.prove_account(ctx)
    assert refused.value.code == "account-not-proven"
    assert "401" in now_is(service).reason


def test_what_is_no_number_is_refused_with_its_field(element):
    change = AccountChange(account="0559'; DROP", password="x")
    with pytest.raises(ElementProblem) as refused:
        services.adapter(element).apply(change, Conversation())
    assert refused.value.field == "number"


# ---- a telephone's life ----


def test_shut_off_for_arrears_hears_why_and_is_on_again(ctx, working, phone, rows):
    password = password_of(working)
    life.suspend(with_inputs(ctx, reason="arrears"))
    assert rows(working.account)["location"] == 0  # who was registered is not any more
    assert life.disconnect(ctx) == {"disconnected": 0}
    assert life.prove_suspended(ctx) == {"suspension_proven": True}
    assert phone.on(working.account, password).answer == "403 Suspended: bills are unpaid"
    assert phone.on(working.account, "wrong").answer == "401 Unauthorized"  # not told apart by it
    life.suspend(with_inputs(ctx, reason="request"))  # what he cannot mend by himself is told first
    assert life.prove_suspended(ctx) == {"suspension_proven": True}
    life.resume(with_inputs(ctx, reason="arrears"))
    assert phone.on(working.account, password).answer == "403 Suspended at own request"
    life.resume(with_inputs(ctx, reason="request"))
    assert phone.on(working.account, password).done
    actions.prove_account(ctx)
    assert now_is(working).state == ServiceState.ACTIVE


def test_refused_for_another_reason_is_not_proven_to_be_shut_off(ctx, working, element):
    life.suspend(with_inputs(ctx, reason="request"))
    services.apply_account(
        element,
        AccountChange(
            account=working.account,
            password=password_of(working),
            state=AccountState.BARRED,
            barred_for="administrative",
        ),
        For(working.branch_id),
    )
    with pytest.raises(BusinessError) as other:
        life.prove_suspended(ctx)
    assert other.value.values == {"proof_result": "other-reason"}


def test_a_new_password_works_and_the_old_one_does_not(ctx, working, phone, rows):
    old = password_of(working)
    inventory_verbs.set_password(actor=SYSTEM, service_id=working.id, password="Nw-20260101")
    life.change_password(ctx)
    assert rows(working.account)["location"] == 0  # who came in by the old one is out
    assert phone.on(working.account, old).answer == "401 Unauthorized"
    assert life.prove_password(ctx) == {"password_proven": True}
    assert phone.on(working.account, "Nw-20260101").done


def test_another_number_takes_the_place_of_the_old_one(ctx, working, phone, rows, element):
    old, new, password = working.account, "0559" + str(uuid7().int)[-7:], password_of(working)
    services.apply_account(
        element,
        AccountChange(account=new, password=password, former=(old,)),
        For(working.branch_id),
    )
    assert rows(old) == NOTHING
    assert phone.on(new, password).done
    assert phone.on(old, password).answer == "404 Unknown Number"


def test_taken_out_the_platform_knows_no_such_number(ctx, working, phone, rows):
    password = password_of(working)
    actions.remove_service(ctx)
    assert rows(working.account) == NOTHING
    assert actions.prove_removed(ctx) == {"removal_proven": True}
    assert phone.on(working.account, password).answer == "404 Unknown Number"


# ---- bad days, many, two at once ----


def test_the_platform_away_in_the_middle_only_delays(ctx, service, voice, phone):
    voice.stop_database()
    with pytest.raises(Transient):
        actions.apply_service(ctx)
    assert "固话平台数据库" in now_is(service).reason
    voice.up()
    assert services.element_moved(
        key="voice", connection=voice.settings().connection(), secrets=voice.settings().secrets()
    ) in (True, False)
    actions.apply_service(ctx)
    voice.stop_database()  # the registrar answers, and can read nobody: that is no refusal
    with pytest.raises(Transient, match="500"):
        actions.prove_account(ctx)
    voice.up()
    voice.stop_server()
    with pytest.raises(Transient):
        actions.prove_account(ctx)
    assert now_is(service).proofs == ()
    voice.up()
    assert actions.prove_account(ctx) == {"account_proven": True}


def test_two_who_send_at_once_leave_what_was_decided_last(element, voice, rows):
    number = "0559" + str(uuid7().int)[-7:]
    adapter, asked = services.adapter(element), []
    slow, begun = threading.Event(), threading.Event()

    def first():
        begun.set()
        slow.wait(5)
        asked.append("first")
        return AccountChange(account=number, password="one")

    def second():
        asked.append("second")
        return AccountChange(
            account=number, password="two", state=AccountState.BARRED, barred_for="arrears"
        )

    threads = [threading.Thread(target=adapter.bring, args=(number, first, Conversation()))]
    threads[0].start()
    assert begun.wait(5)
    other = services.adapter(element)
    threads.append(threading.Thread(target=other.bring, args=(number, second, Conversation())))
    threads[1].start()
    slow.set()
    for thread in threads:
        thread.join(10)
    assert asked == ["first", "second"]
    assert rows(number) == {**NOTHING, "subscriber": 1, "usr_preferences": 1, "dbaliases": 2}
    assert Telephone(voice).on(number, "two").answer == "403 Suspended: bills are unpaid"


def test_many_numbers_go_in_one_transaction(element, county, rows):
    start = int(str(uuid7().int)[-6:]) * 1000
    names = [f"05{start + n:010}" for n in range(300)]
    changes = [AccountChange(account=name, password=f"pw-{name}") for name in names]
    what = For(county.id)
    assert operating.bring_many(element, names, lambda batch: changes, what).statements == 600
    assert operating.bring_many(element, names, lambda batch: changes, what).statements == 0
    gone = [AccountChange(account=name, state=AccountState.ABSENT) for name in names]
    operating.bring_many(element, names, lambda batch: gone, what)
    assert rows(names[0]) == NOTHING == rows(names[-1])


def test_two_telephones_talk_by_number_and_by_its_short_form(element, phone, county):
    here, there = ("0559" + str(uuid7().int)[-7:] for _ in range(2))
    for number in (here, there):
        services.apply_account(
            element, AccountChange(account=number, password="Kd-8848"), For(county.id)
        )
    assert phone.on(there, "Kd-8848").done
    assert phone.call(here, "Kd-8848", there).done
    assert phone.call(here, "Kd-8848", there.removeprefix("0559")).done
    assert phone.call(here, "Kd-8848", here).answer.startswith("404")


def test_who_is_registered_since_when_and_with_what(working, phone):
    (one,) = queries.registrations(working)
    assert (one.number, one.user_agent) == (working.account, "Lab-Telephone")
    assert now() - one.registered_at < timedelta(minutes=5)
    assert one.expires_at > now()
    phone.off(working.account, password_of(working))
    assert queries.registrations(working) == []


def test_the_command_line_plays_the_telephone(element, voice, county, monkeypatch, capsys):
    monkeypatch.setattr("kaitong.lab.element.lab_folder", lambda: voice.home)
    number = "0559" + str(uuid7().int)[-7:]
    services.apply_account(
        element, AccountChange(account=number, password="Kd-8848"), For(county.id)
    )
    assert commands.main(["phone", "on", number, "--password", "else"]) == 1
    told = capsys.readouterr().out
    assert ("refused: on" in told, "401" in told) == (True, True)
    assert commands.main(["phone", "on", number]) == 1  # Kaitong has no service of that number
    assert "--password" in capsys.readouterr().err
    assert commands.main(["phone", "on", number, "--password", "Kd-8848"]) == 0
    assert commands.main(["phone", "status", number]) == 0
    assert f"{number}: sip:{number}@" in capsys.readouterr().out
    assert commands.main(["status"]) == 0
    assert "voice: up, SIP 127.0.0.1:" in (told := capsys.readouterr().out)
    assert voice.settings().oss_password not in told


def test_what_the_platform_holds_is_compared_with_services_in_operation(
    alone, ctx, working, element, county, staff_of
):
    city = staff_of(county.parent, "city", "network")  # what no service has is the element's

    def found():
        reconciling.reconcile(element)
        rows = Difference.objects.filter(closed_at=None)
        return {row.account: (row.kind, set(row.fields)) for row in rows}

    stranger = "0559" + str(uuid7().int)[-7:]
    what = For(county.id)
    services.apply_account(element, AccountChange(account=stranger, password="planted"), what)
    assert found() == {stranger: ("extra", {"groups"})}
    wrong = AccountChange(
        account=working.account, password="else", state=AccountState.BARRED, barred_for="arrears"
    )
    services.apply_account(element, wrong, what)
    assert found()[working.account] == ("different", {"state", "password"})
    gone = AccountChange(account=working.account, state=AccountState.ABSENT)
    services.apply_account(element, gone, what)
    assert found()[working.account] == ("missing", set())
    mine = Difference.objects.get(account=working.account, closed_at=None)
    reconciling.resend(actor=city, difference_id=mine.pk)
    planted = Difference.objects.get(account=stranger, closed_at=None)
    reconciling.remove(actor=city, difference_id=planted.pk, seen=reconciling.fingerprint(planted))
    assert found() == {}
