"""The lab's AAA server: life, logins, sessions, rights, bad days. Everything here is real."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from kaitong.activation import nasport
from kaitong.activation.adapters.base import (
    AccountState,
    Conversation,
    ProofKind,
    ProofResult,
    Subject,
)
from kaitong.activation.errors import ElementProblem, Unreachable
from kaitong.activation.nasport import Line
from kaitong.lab import commands
from kaitong.lab.daemon import Daemon, start_time
from kaitong.lab.radius import RadiusLab
from kaitong.lab.session import other_port
from kaitong.lab.state import write_private

pytestmark = pytest.mark.radius

LINE = Line("OLT-01", "0/3/6", "O055901000000123")
PORT = nasport.pattern().format(LINE)


def prove(adapter, change, kind, talk=None, **how):
    subject = Subject(
        account=change.account, password=how.get("password", change.password), line=LINE
    )
    return adapter.prove(subject, kind, talk or Conversation())


# ---- life ------------------------------------------------------------------------------------


def test_up_again_changes_nothing(lab):
    pid, settings = lab.daemon.pid(), lab.settings()
    assert pid is not None
    status = lab.up()
    assert (lab.daemon.pid(), lab.settings()) == (pid, settings)
    assert status.running


def test_two_ups_at_once_start_one_server(lab):
    lab.down()
    seen = []

    def up():
        own = RadiusLab(lab.home)
        own.up()
        seen.append(own.daemon.pid())

    threads = [threading.Thread(target=up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_down_ends_both_and_keeps_ports_and_secrets(lab):
    before = lab.settings()
    assert lab.down() is True
    status = lab.status()
    assert (status.running, status.database_running) == (False, False)
    assert lab.down() is False
    lab.up()
    assert lab.settings() == before


def test_it_runs_unprivileged_and_its_files_are_private(lab):
    lines = Path(f"/proc/{lab.daemon.pid()}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines if ":" in line)
    assert status["Uid"].split()[0] != "0"
    for path in (lab.home / "radius.json", lab.server_folder / "conf" / "radiusd.conf"):
        assert path.stat().st_mode & 0o077 == 0


def test_a_process_that_is_not_ours_is_never_ended(tmp_path):
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        record = tmp_path / "process.json"
        write_private(record, json.dumps({"pid": stranger.pid, "started": "1"}))
        assert Daemon(record).pid() is None
        assert Daemon(record).stop() is False
        assert stranger.poll() is None
        write_private(
            record, json.dumps({"pid": stranger.pid, "started": start_time(stranger.pid)})
        )
        assert Daemon(record).stop() is True
        assert stranger.wait(5) is not None
    finally:
        stranger.kill()


def test_a_machine_without_freeradius_is_told_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("KAITONG_HOME", str(tmp_path))
    monkeypatch.setattr("kaitong.lab.radius._LIBRARIES", ())
    assert commands.main(["up", "radius"]) == 3
    told = capsys.readouterr().err.strip()
    made = RadiusLab().settings()  # Kaitong can already be told where it will be
    assert made.secret
    assert made == RadiusLab().settings()
    assert len(told.splitlines()) == 1
    for package in ("freeradius", "freeradius-postgresql", "freeradius-utils"):
        assert package in told


# ---- logins ----------------------------------------------------------------------------------


@pytest.mark.parametrize("chap", [False, True], ids=["PAP", "CHAP"])
def test_a_modem_logs_in_and_its_session_is_seen(modem, provisioned, aaa, chap):
    result = modem.start(provisioned.account, PORT, chap=chap)
    assert result.ok
    assert result.reply["WISPr-Bandwidth-Max-Down"] == "300000000"
    row = aaa.execute(
        "SELECT nasportid, acctstoptime, host(framedipaddress), host(nasipaddress),"
        " callingstationid <> '' FROM radacct WHERE username = %s",
        [provisioned.account],
    ).fetchall()
    assert row == [(PORT, None, result.address, "10.99.0.1", True)]


@pytest.mark.parametrize("chap", [False, True], ids=["PAP", "CHAP"])
def test_a_wrong_password_is_refused_and_told_nothing(modem, provisioned, aaa, chap):
    result = modem.start(provisioned.account, PORT, password="not-it", chap=chap)
    assert (result.answer, result.accepted, result.accounted) == ("Access-Reject", False, False)
    assert dict(result.reply) == {}
    rows = aaa.execute("SELECT 1 FROM radacct WHERE username = %s", [provisioned.account])
    assert rows.fetchall() == []


def test_an_unknown_account_is_refused(modem, change):
    assert modem.start(change.account, PORT, password="x").answer == "Access-Reject"


def test_a_suspended_account_is_refused_with_its_right_password(modem, adapter, provisioned):
    adapter.apply(dataclasses.replace(provisioned, state=AccountState.BARRED), Conversation())
    result = modem.start(provisioned.account, PORT)
    assert (result.answer, result.message) == ("Access-Reject", "suspended")
    assert set(result.reply) == {"Reply-Message"}
    adapter.apply(provisioned, Conversation())
    assert modem.start(provisioned.account, PORT).ok


def test_account_proven_needs_both_answers(adapter, provisioned):
    talk = Conversation()
    proof = prove(adapter, provisioned, ProofKind.ACCOUNT, talk)
    assert proof.ok
    assert proof.facts["answer"] == "Access-Accept"
    assert proof.facts["wrong_password_answer"] == "Access-Reject"
    assert "leaked_in_reject" not in proof.facts
    assert provisioned.password not in talk.request + talk.response
    assert "WISPr-Bandwidth-Max-Down = 300000000" in talk.response


def test_a_server_that_lets_anybody_in_proves_nothing(adapter, provisioned, lab):
    with psycopg.connect(lab.cluster.dsn("radius"), autocommit=True) as admin:
        admin.execute(
            "INSERT INTO radgroupcheck (groupname, attribute, op, value)"
            " VALUES ('open-door', 'Auth-Type', ':=', 'Accept')"
        )
        admin.execute(
            "INSERT INTO radusergroup (username, groupname, priority) VALUES (%s, 'open-door', 1)",
            [provisioned.account],
        )
    assert prove(adapter, provisioned, ProofKind.ACCOUNT).result is ProofResult.OPEN_DOOR


# ---- sessions --------------------------------------------------------------------------------


def test_line_proven_only_by_the_assigned_port_and_identifier(adapter, modem, provisioned):
    def proof():
        return prove(adapter, provisioned, ProofKind.LINE)

    assert proof().result is ProofResult.NOT_SEEN
    modem.start(provisioned.account, nasport.pattern().format(other_port(LINE)))
    wrong = proof()
    assert wrong.result is ProofResult.WRONG_PORT
    assert wrong.facts["differences"] == ["pon_port"]
    assert wrong.facts["seen"]["pon_port"] == "0/3/7"
    assert wrong.facts["expected"]["pon_port"] == "0/3/6"
    modem.start(provisioned.account, "OLT-01 eth 0/3/6:O055901000000999")
    assert proof().facts["differences"] == ["logical_id"]
    modem.start(provisioned.account, "OLT-02 eth 0/3/6:O055901000000123")
    assert proof().facts["differences"] == ["access_node"]
    modem.start(provisioned.account, PORT)
    assert proof().ok
    modem.stop(provisioned.account)
    assert proof().result is ProofResult.NOT_SEEN


@pytest.mark.parametrize(
    "port", ["", "OLT-01 eth 0/3/6", "'; DROP TABLE radacct; --=3B\\\"", "端口"]
)
def test_a_strange_port_is_kept_as_it_came_and_proves_nothing(adapter, modem, provisioned, port):
    assert modem.start(provisioned.account, port).ok
    proof = prove(adapter, provisioned, ProofKind.LINE)
    assert proof.result is ProofResult.WRONG_PORT
    assert proof.facts["differences"] == ["nas_port_id"]
    assert proof.facts["seen"]["nas_port_id"] == port
    assert modem.stop(provisioned.account).ok


def test_the_user_port_of_a_building_counts_where_the_line_has_one(adapter, modem, provisioned):
    line = dataclasses.replace(LINE, user_port=3)

    def differences():
        subject = Subject(account=provisioned.account, line=line)
        return adapter.prove(subject, ProofKind.LINE, Conversation()).facts["differences"]

    for user_port, found in ((4, ["user_port"]), (None, ["user_port"]), (3, [])):
        seen = dataclasses.replace(LINE, user_port=user_port)
        modem.start(provisioned.account, nasport.pattern().format(seen))
        assert differences() == found


def test_a_modem_that_redials_has_one_session(modem, provisioned, aaa):
    for _ in range(3):
        assert modem.start(provisioned.account, PORT).ok
    rows = aaa.execute(
        "SELECT acctterminatecause FROM radacct WHERE username = %s ORDER BY radacctid",
        [provisioned.account],
    ).fetchall()
    assert rows == [("Stale-Session",), ("Stale-Session",), (None,)]


def test_a_session_in_full_and_repeated_packets(modem, provisioned, aaa):
    session = modem.start(provisioned.account, PORT).session_ids[0]
    base = {
        "User-Name": provisioned.account,
        "Acct-Session-Id": session,
        "NAS-IP-Address": "10.99.0.1",
        "NAS-Port-Id": PORT,
        "Acct-Session-Time": "60",
        "Acct-Input-Octets": "1000",
        "Acct-Output-Octets": "2000",
        "Acct-Output-Gigawords": "1",
    }
    for _ in range(2):
        answer, _ = modem._send("acct", {**base, "Acct-Status-Type": "Interim-Update"})
        assert answer == "Accounting-Response"
    for _ in range(2):
        answer, _ = modem._send(
            "acct", {**base, "Acct-Status-Type": "Stop", "Acct-Terminate-Cause": "User-Request"}
        )
        assert answer == "Accounting-Response"
    rows = aaa.execute(
        "SELECT acctsessiontime, acctinputoctets, acctoutputoctets, acctstoptime IS NOT NULL,"
        " acctterminatecause FROM radacct WHERE username = %s",
        [provisioned.account],
    ).fetchall()
    assert rows == [(60, 1000, 2**32 + 2000, True, "User-Request")]


def test_a_restarted_access_server_has_no_sessions(modem, provisioned, aaa):
    modem.start(provisioned.account, PORT)
    answer, _ = modem._send(
        "acct",
        {
            "Acct-Status-Type": "Accounting-On",
            "NAS-IP-Address": "10.99.0.1",
            "Acct-Session-Id": "boot",
        },
    )
    assert answer == "Accounting-Response"
    rows = aaa.execute(
        "SELECT acctterminatecause FROM radacct WHERE username = %s AND acctstoptime IS NOT NULL",
        [provisioned.account],
    ).fetchall()
    assert rows == [("NAS-Reboot",)]


def test_a_session_long_silent_counts_as_dead(adapter, modem, provisioned, lab):
    modem.start(provisioned.account, PORT)
    with psycopg.connect(lab.cluster.dsn("radius"), autocommit=True) as admin:
        admin.execute(
            "UPDATE radacct SET acctupdatetime = now() - interval '2 days' WHERE username = %s",
            [provisioned.account],
        )
    assert prove(adapter, provisioned, ProofKind.LINE).result is ProofResult.NOT_SEEN


# ---- rights and secrets ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE radacct SET acctstoptime = now()",
        "INSERT INTO radgroupcheck (groupname, attribute, value) VALUES ('a', 'b', 'c')",
        "SELECT id FROM radpostauth",
        "DELETE FROM radpostauth",
        "CREATE TABLE mine (id int)",
    ],
)
def test_kaitongs_role_has_only_the_rights_it_needs(lab, statement):
    settings = lab.settings()
    dsn = lab.cluster.dsn(settings.database, settings.oss_role, settings.oss_password)
    with psycopg.connect(dsn) as database, pytest.raises(psycopg.errors.InsufficientPrivilege):
        database.execute(statement)


def test_no_password_is_logged_or_kept(modem, provisioned, lab, aaa):
    modem.start(provisioned.account, PORT)
    modem.start(provisioned.account, PORT, password="a-wrong-one-99")
    texts = [p.read_text(errors="replace") for p in (lab.server_folder / "log").iterdir()]
    with psycopg.connect(lab.cluster.dsn("radius")) as admin:
        texts.append(str(admin.execute("SELECT * FROM radpostauth").fetchall()))
    for text in texts:
        assert provisioned.password not in text
        assert "a-wrong-one-99" not in text
    assert provisioned.account in texts[-1]


# ---- applying --------------------------------------------------------------------------------


def rows_of(aaa, change):
    return [
        aaa.execute(f"SELECT * FROM {table} WHERE {key} = %s ORDER BY id", [value]).fetchall()
        for table, key, value in (
            ("radcheck", "username", change.account),
            ("radreply", "username", change.account),
            ("radusergroup", "username", change.account),
            ("radgroupreply", "groupname", change.plan),
        )
    ]


def test_applying_twice_leaves_the_same_rows(adapter, provisioned, aaa):
    before = rows_of(aaa, provisioned)
    assert adapter.apply(provisioned, Conversation()).statements == 0
    assert rows_of(aaa, provisioned) == before


def test_applying_at_once_leaves_one_account(adapter, change, aaa):
    threads = [
        threading.Thread(target=adapter.apply, args=(change, Conversation())) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(rows) for rows in rows_of(aaa, change)] == [1, 0, 1, 2]


def test_a_dry_run_tells_and_sends_nothing(adapter, change, aaa):
    outcome = adapter.apply(change, Conversation(), dry_run=True)
    assert "INSERT INTO radcheck" in outcome.request
    assert change.password not in outcome.request
    assert rows_of(aaa, change)[0] == []


def test_undo_takes_a_new_account_back_and_restores_a_changed_one(adapter, provisioned, aaa):
    before = rows_of(aaa, provisioned)
    changed = dataclasses.replace(provisioned, password="another-1", previous=provisioned)
    adapter.apply(changed, Conversation())
    adapter.undo(changed, Conversation())
    assert [row[1:] for row in rows_of(aaa, provisioned)[0]] == [row[1:] for row in before[0]]
    adapter.undo(provisioned, Conversation())
    assert adapter.read(provisioned.account, Conversation()).state is AccountState.ABSENT


# ---- bad days --------------------------------------------------------------------------------


def test_the_aaa_database_down_is_no_refusal(adapter, provisioned, lab):
    lab.stop_database()
    with pytest.raises(Unreachable):
        adapter.apply(provisioned, Conversation())
    with pytest.raises(Unreachable):
        prove(adapter, provisioned, ProofKind.LINE)
    # FreeRADIUS cannot know the account: it keeps silent, so the login is asked again elsewhere
    with pytest.raises(Unreachable):
        prove(adapter, provisioned, ProofKind.ACCOUNT)
    lab.up()
    assert prove(adapter, provisioned, ProofKind.ACCOUNT).ok


def test_freeradius_down(adapter, provisioned, lab):
    lab.stop_server()
    with pytest.raises(Unreachable):
        prove(adapter, provisioned, ProofKind.ACCOUNT)
    assert adapter.apply(provisioned, Conversation()).statements == 0
    lab.up()
    assert prove(adapter, provisioned, ProofKind.ACCOUNT).ok


def test_a_wrong_shared_secret_gets_no_answer(lab, provisioned):
    from kaitong.activation.adapters.radius import RadiusAdapter

    settings = lab.settings()
    stranger = RadiusAdapter(settings.connection(), {**settings.secrets(), "radius": "guess"})
    with pytest.raises(Unreachable):
        prove(stranger, provisioned, ProofKind.ACCOUNT)


def test_a_wrong_database_password_is_for_people_to_correct(lab, provisioned):
    from kaitong.activation.adapters.radius import RadiusAdapter

    settings = lab.settings()
    stranger = RadiusAdapter(settings.connection(), {**settings.secrets(), "database": "guess"})
    with pytest.raises(ElementProblem):
        stranger.apply(provisioned, Conversation())


# ---- the command line ------------------------------------------------------------------------


def command(lab, *arguments):
    environment = {k: v for k, v in os.environ.items() if k != "KAITONG_DATABASE_URL"}
    home = lab.home.parent / f"{lab.home.name}-home"
    home.mkdir(exist_ok=True)
    home.chmod(0o711)
    link = home / "lab"
    if not link.exists():
        link.symlink_to(lab.home)
    environment["KAITONG_HOME"] = str(home)
    outcome = subprocess.run(
        [sys.executable, "-m", "kaitong.lab", *arguments],
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    link.unlink()
    home.rmdir()
    return outcome


def test_status_and_session_as_commands(lab, provisioned):
    status = command(lab, "status", "--json")
    (element,) = json.loads(status.stdout)["elements"]
    settings = lab.settings()
    assert (element["host"], element["port"], element["secret"], element["running"]) == (
        settings.host,
        settings.auth_port,
        settings.secret,
        True,
    )
    online = command(lab, "session", provisioned.account, "--port", PORT, "--wrong-port", "--json")
    assert online.returncode == 0, online.stderr
    assert json.loads(online.stdout)["nas_port_id"] == "OLT-01 eth 0/3/7:O055901000000123"
    refused = command(lab, "session", provisioned.account, "--port", PORT, "--password", "no")
    assert refused.returncode == 1
    assert "Access-Reject" in refused.stdout
    assert command(lab, "session", provisioned.account, "--stop").returncode == 0
    unknown = command(lab, "session", provisioned.account)
    assert unknown.returncode == 1
    assert "--port" in unknown.stderr
