"""The outbox: written once, sealed, sent at least once, refusals told apart, nothing lost."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from kaitong.core.clock import frozen, now
from kaitong.core.errors import Conflict, NotFound
from kaitong.core.models import AuditEntry
from kaitong.messaging import channels, queries, quiet, sending, services
from kaitong.messaging.models import Notice
from kaitong.messaging.tests.conftest import MAIL, PHONE
from kaitong.party import services as parties

pytestmark = pytest.mark.django_db(transaction=True)


def the(**where: object) -> Notice:
    return Notice.objects.get(**where)


def lines(outbox) -> list[dict]:
    return [
        json.loads(line)
        for path in sorted(outbox.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def test_notice_exists_once_and_is_sealed(teller):
    assert teller() == 1
    assert teller() == 0
    row = the()
    assert row.text == "您办理的家庭宽带已受理。"
    assert row.address == MAIL
    assert row.address_masked == "wa…@example.com"
    with connection.cursor() as cursor:
        cursor.execute("select row_to_json(n)::text from messaging_notice n")
        stored = cursor.fetchone()[0]
    for secret in (MAIL, PHONE, "已受理。"):
        assert secret not in stored
        assert secret.encode().hex() not in stored


def test_rolled_back_step_tells_nobody(teller, outbox):
    with transaction.atomic():
        teller(by=["file"])
        transaction.set_rollback(True)
    assert sending.drain_all() == 0
    assert lines(outbox) == []


def test_two_tellers_at_once_queue_one(teller):
    def run(_n):
        try:
            return teller()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    assert Notice.objects.count() == 1


def test_who_has_no_address_is_skipped_until_there_is_one(teller, county):
    nobody = parties.register(actor=teller.actor, name="李四")
    teller(party_id=nobody.id, by=["sms", "mail"])
    assert sending.drain_all() == 0
    assert [(n.channel, n.state, n.trouble) for n in Notice.objects.all()] == [
        ("sms", "skipped", "no-address")
    ]
    row = the(channel="sms")
    with pytest.raises(Conflict):
        services.retry(actor=teller.actor, notice_id=row.pk)
    parties.add_phone(actor=teller.actor, party_id=nobody.id, phone="13705590000")
    services.retry(actor=teller.actor, notice_id=row.pk)
    sending.drain_all()
    row.refresh_from_db()
    assert (row.state, row.sent_by, row.address_masked) == ("sent", "file", "137****0000")


def test_notice_goes_by_every_channel_that_has_an_address(teller):
    teller(by=["sms", "mail"])
    assert {n.channel for n in Notice.objects.all()} == {"sms", "mail"}
    plain = parties.register(actor=teller.actor, name="李四", phone="13705590000")
    teller(by=["mail", "sms"], party_id=plain.id, key="plain")
    assert [n.channel for n in Notice.objects.filter(party_id=plain.id)] == ["sms"]


def test_file_channel_writes_whole_lines_only_its_owner_reads(teller, outbox):
    teller(by=["sms"], key="a")
    teller(by=["file"], key="b", text="第二条\n有两行")
    assert sending.drain("file") == 2
    first, second = lines(outbox)
    assert first["to"] == PHONE
    assert first["text"] == "您办理的家庭宽带已受理。"
    assert first["id"] == services.message_id("a:sms")
    assert second["text"] == "第二条\n有两行"
    (path,) = outbox.iterdir()
    assert path.name == f"notices-{now().astimezone():%Y-%m-%d}.jsonl" or path.name.startswith(
        "notices-"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(outbox.stat().st_mode) == 0o700


def test_files_rotate_by_day_and_old_ones_go(teller, outbox):
    today = datetime(2026, 11, 25, 3, tzinfo=UTC)
    for day in (today - timedelta(days=40), today - timedelta(days=1), today):
        with frozen(day):
            teller(by=["file"], key=day.isoformat())
            sending.drain("file")
    assert len(list(outbox.iterdir())) == 3
    with frozen(today):
        assert channels.drop_old_files() == 1
    assert sorted(p.name for p in outbox.iterdir()) == [
        "notices-2026-11-24.jsonl",
        "notices-2026-11-25.jsonl",
    ]


def test_full_disk_leaves_no_torn_line_and_is_tried_again(teller, outbox, monkeypatch):
    teller(by=["file"])
    sending.drain("file")
    before = lines(outbox)
    teller(by=["file"], key="second")
    write = channels.os.write
    monkeypatch.setattr(channels.os, "write", lambda handle, data: write(handle, data[:10]))
    sending.drain("file")
    assert lines(outbox) == before
    row = the(key="second:file")
    assert (row.state, row.trouble) == ("queued", "unreachable")
    monkeypatch.undo()


def test_mail_arrives_with_its_own_identifier(teller, mailbox):
    teller()
    sending.drain_all()
    (mail,) = mailbox.got
    assert mail["To"] == MAIL
    assert mail["Subject"] == "受理通知"
    assert mail["Message-ID"] == services.message_id("order-1:accepted:mail")
    assert mailbox.bodies() == ["您办理的家庭宽带已受理。"]
    row = the()
    assert (row.state, row.sent_by, row.tries) == ("sent", "smtp", 1)
    assert sending.drain_all() == 0


def test_server_that_is_down_is_tried_again_later_and_holds_nothing_up(teller, mailbox, outbox):
    teller()
    teller(by=["sms"])
    mailbox.stop()
    sending.drain_all()
    row = the(channel="mail")
    assert (row.state, row.trouble, row.tries) == ("queued", "unreachable", 1)
    assert row.next_at > now()
    assert the(channel="sms").state == "sent"
    assert sending.drain_all() == 0  # not before its time


def test_message_goes_out_when_the_server_is_back(teller, mailbox):
    teller()
    mailbox.answer = "451 try later"
    sending.drain_all()
    row = the()
    assert (row.state, row.trouble) == ("queued", "busy")
    assert row.last_error.startswith("451")
    mailbox.answer = "250 OK"
    with frozen(now() + timedelta(minutes=1)):
        sending.drain_all()
    assert the().state == "sent"
    assert len(mailbox.got) == 1


def test_refused_recipient_is_given_up_and_the_next_one_gets_his(teller, mailbox):
    mailbox.refuse[MAIL] = f"550 <{MAIL}> no such user"
    teller(key="first")
    other = parties.register(actor=teller.actor, name="李四")
    parties.keep_mail(actor=teller.actor, party_id=other.id, email="li@example.com")
    teller(key="second", party_id=other.id)
    sending.drain_all()
    row = the(key="first:mail")
    assert (row.state, row.trouble) == ("failed", "recipient")
    assert MAIL not in row.last_error
    assert [mail["To"] for mail in mailbox.got] == ["li@example.com"]
    del mailbox.refuse[MAIL]
    services.retry(actor=teller.actor, notice_id=row.pk)
    sending.drain_all()
    assert the(key="first:mail").state == "sent"


def test_slow_server_is_left_and_the_message_stays(teller, mailbox, monkeypatch):
    monkeypatch.setenv("KAITONG_SMTP_TIMEOUT", "0.3")
    mailbox.slow = 3
    teller()
    teller(key="other")
    sending.drain_all()
    assert {(n.state, n.trouble) for n in Notice.objects.all()} == {("queued", "unreachable")}


def test_endless_failure_is_given_up_and_visible(teller, mailbox):
    mailbox.stop()
    teller()
    moment = now()
    for _try in range(sending.MOST_TRIES):
        moment += timedelta(hours=3)
        with frozen(moment):
            sending.drain_all()
    assert (the().state, the().tries) == ("failed", sending.MOST_TRIES)
    assert queries.counts(teller.actor)["failed"] == 1


def test_worker_killed_between_sent_and_recorded_sends_again_under_the_same_id(teller, mailbox):
    teller()
    worker, taken = sending.lease(["mail"], 5)
    carrier = channels.carrier("smtp")
    sent = carrier.send([sending._outgoing(row) for row in taken])
    next(sent)  # the server has it; the worker dies here
    assert the().state == "sending"
    assert sending.drain_all() == 0  # its lease still runs
    with frozen(now() + timedelta(seconds=sending.LEASE_SECONDS + 1)):
        sending.drain_all()
    assert the().state == "sent"
    first, again = mailbox.got
    assert first["Message-ID"] == again["Message-ID"] == services.message_id(the().key)
    # what the dead one would have recorded is dropped
    sending._missed(worker, channels.Outcome(taken[0].pk, "busy"), 1)
    assert the().state == "sent"


def test_two_workers_share_the_work(teller, outbox):
    for n in range(30):
        teller(by=["file"], key=f"k{n}")

    def run(_n):
        try:
            return sending.drain("file")
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(run, range(3))) == 30
    assert len({line["id"] for line in lines(outbox)}) == len(lines(outbox)) == 30


def test_unconfigured_mail_server_is_said_and_tried_again(teller, monkeypatch):
    monkeypatch.setenv("KAITONG_NOTICE_MAIL", "smtp")
    monkeypatch.delenv("KAITONG_SMTP_HOST", raising=False)
    teller()
    sending.drain_all()
    assert (the().state, the().trouble) == ("queued", "configuration")
    assert "KAITONG_SMTP_HOST" in the().last_error


def test_wrong_password_is_told_apart(teller, mailbox, monkeypatch):
    monkeypatch.setenv("KAITONG_SMTP_USER", "kaitong")
    monkeypatch.setenv("KAITONG_SMTP_PASSWORD", "s3cret")
    teller()
    sending.drain_all()  # the server knows no AUTH at all
    row = the()
    assert row.state == "queued"
    assert "s3cret" not in row.last_error


def test_starttls_and_password_reach_a_server_that_demands_them(teller, guarded, monkeypatch):
    monkeypatch.setenv("KAITONG_SMTP_USER", "kaitong")
    monkeypatch.setenv("KAITONG_SMTP_PASSWORD", "wrong")
    teller()
    sending.drain_all()
    assert (the().state, the().trouble) == ("queued", "configuration")
    monkeypatch.setenv("KAITONG_SMTP_PASSWORD", "s3cret")
    with frozen(now() + timedelta(minutes=1)):
        sending.drain_all()
    assert the().state == "sent"
    assert guarded.bodies() == ["您办理的家庭宽带已受理。"]


def test_server_nobody_vouches_for_gets_nothing(teller, guarded, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("KAITONG_SMTP_USER", "kaitong")
    monkeypatch.setenv("KAITONG_SMTP_PASSWORD", "s3cret")
    teller()
    sending.drain_all()
    assert (the().state, guarded.got) == ("queued", [])


def test_password_never_goes_over_a_network_in_clear(teller, monkeypatch):
    monkeypatch.setenv("KAITONG_SMTP_HOST", "mail.example.com")
    monkeypatch.setenv("KAITONG_MAIL_FROM", "notice@kaitong.example")
    monkeypatch.setenv("KAITONG_SMTP_TLS", "none")
    monkeypatch.setenv("KAITONG_SMTP_USER", "kaitong")
    monkeypatch.setenv("KAITONG_SMTP_PASSWORD", "s3cret")
    teller()
    sending.drain_all()
    assert (the().state, the().trouble) == ("queued", "configuration")
    assert "s3cret" not in the().last_error


def test_what_was_sent_is_not_sent_again(teller, mailbox):
    teller()
    sending.drain_all()
    with pytest.raises(Conflict):
        services.retry(actor=teller.actor, notice_id=the().pk)
    assert len(mailbox.got) == 1


def test_another_branch_finds_no_notice(teller, other_county, staff_of):
    teller()
    stranger = staff_of(other_county, "stranger", "clerk", "supervisor")
    assert queries.notices(stranger) == ([], 0)
    for attempt in (
        lambda: queries.notice(stranger, the().pk),
        lambda: services.retry(actor=stranger, notice_id=the().pk),
        lambda: services.reveal_text(actor=stranger, notice_id=the().pk, reason="x"),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_reading_a_text_is_recorded(teller):
    teller()
    said = services.reveal_text(actor=teller.actor, notice_id=the().pk, reason="客户来问")
    assert said == "您办理的家庭宽带已受理。"
    assert AuditEntry.objects.get(kind="notice.read").data == {"reason": "客户来问"}


@pytest.mark.parametrize(
    "hours, at, until",
    [
        ("21:00-08:00", "2026-11-25T20:59", "2026-11-25T20:59"),
        ("21:00-08:00", "2026-11-25T21:00", "2026-11-26T08:00"),
        ("21:00-08:00", "2026-11-26T07:59", "2026-11-26T08:00"),
        ("21:00-08:00", "2026-11-26T08:00", "2026-11-26T08:00"),
        ("12:00-14:00", "2026-11-26T13:00", "2026-11-26T14:00"),
        ("12:00-14:00", "2026-11-26T14:00", "2026-11-26T14:00"),
        ("08:00-08:00", "2026-11-26T08:00", "2026-11-26T08:00"),
        ("", "2026-11-26T23:00", "2026-11-26T23:00"),
    ],
)
def test_quiet_hours_end_in_the_morning(hours, at, until):
    zone = "+08:00"
    found = quiet.earliest(datetime.fromisoformat(at + zone), hours)
    assert found == datetime.fromisoformat(until + zone)


@pytest.mark.parametrize("text", ["21-08", "24:00-08:00", "21:00–08:00", "immer", "9:00-17:00"])
def test_what_is_no_span_of_hours_is_none(text):
    assert quiet.parse(text) is None
