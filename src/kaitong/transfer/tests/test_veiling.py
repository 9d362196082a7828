"""What was kept in clear before records were masked is brought to the form new ones have."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection

from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.core.masking import mask_account
from kaitong.core.models import AuditEntry
from kaitong.inventory import queries as inventory
from kaitong.inventory.models import Proof, Service
from kaitong.inventory.tests.conftest import plant
from kaitong.transfer import veiling

__all__ = ["plant"]
pytestmark = pytest.mark.django_db
OLD, OLDER = "13955900001", "13955900002"


def stored(table, *columns):
    with connection.cursor() as cursor:
        cursor.execute(f"select {', '.join(columns)} from {table}")
        return json.dumps(cursor.fetchall(), default=str, ensure_ascii=False)


@pytest.fixture
def before(plant):
    """Rows as they were written before: a service's former names and records of them."""
    service = Service.objects.get(pk=plant.service())
    service.ext = {**service.ext, "former_accounts": ["xn000001", OLDER, OLD], "speed": 300}
    service.reason = f"原账号 {OLD} 仍可登录或仍有数据。"
    service.save(update_fields=["ext", "reason"])
    for n in range(5):
        AuditEntry.objects.create(
            kind="account-renamed",
            subject_type="x",
            data={"account": OLD, "serial": "15900000001", "n": n},
        )
    Proof.objects.create(
        branch_id=service.branch_id, service=service, kind="removed", ok=True, at=now(),
        summary=f"账号 {OLD} 已撤下。", data={"account": OLD, "answer": {"accounts": [OLDER]}},
    )  # fmt: skip
    lines = [["left", "Rename", None, {"account": OLD, "text": f"原账号 {OLDER} 被拒绝"}]]
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into process_history (id, instance_id, seq, at, lines) values (%s,%s,1,%s,%s)",
            [uuid7(), uuid7(), now() - timedelta(days=1), json.dumps(lines)],
        )
        cursor.execute("update inventory_serviceevent set account = %s", [OLD])
    return service.pk


def test_former_names_are_sealed_and_records_of_them_masked(before):
    told: list[tuple[str, int, int]] = []
    assert veiling.veil(lambda *said: told.append(said), batch=2) > 0
    row = Service.objects.get(pk=before)
    assert row.ext["former_accounts"] == ["xn000001", "139****0002", "139****0001"]
    assert row.ext["speed"] == 300
    assert inventory.former_account(before, "139****0001") == OLD  # nothing is lost
    assert inventory.former_account(before, "139****0002") == OLDER
    for table, columns in (
        ("inventory_service", ("ext", "reason")),
        ("inventory_serviceevent", ("ext", "reason", "account")),
        ("core_auditentry", ("data",)),
        ("inventory_proof", ("summary", "data")),
        ("process_history", ("lines",)),
    ):
        text = stored(table, *columns)
        assert OLD not in text, table
        assert OLDER not in text, table
        assert "139****0001" in text, table
    assert "15900000001" in stored("core_auditentry", "data")  # a serial is no telephone
    assert ("core_auditentry", 5, 5) in told  # three batches of it
    assert veiling.veil() == 0  # again it changes nothing


def test_the_audit_keeps_an_account_that_is_a_mobile_number_masked(before):
    for account in (OLDER, f"+86{OLD}", f"{OLD}@kd", "13955900001234@kd", "xn05590000001@kd"):
        Service.objects.filter(pk=before).update(account=account)
        with connection.cursor() as cursor:
            cursor.execute(
                "select account from inventory_serviceevent order by pgh_id desc limit 1"
            )
            assert cursor.fetchone() == (mask_account(account),)


def test_killed_between_two_batches_it_goes_on(before):
    class Killed(BaseException):
        pass

    def dies(table, _looked, changed):
        if table == "core_auditentry" and changed >= 2:
            raise Killed

    with pytest.raises(Killed):
        veiling.veil(dies, batch=2)
    text = stored("core_auditentry", "data")
    assert OLD in text
    assert "139****0001" in text  # what was done stays
    veiling.veil(batch=2)
    assert OLD not in stored("core_auditentry", "data")


def test_a_document_is_masked_by_its_names_and_sentences():
    said = {"mobile": OLD, "list": [{"text": f"联系 {OLD}", "serial": OLD}], "n": 13955900001}
    assert veiling.masked(said) == {
        "mobile": "139****0001",
        "list": [{"text": "联系 139****0001", "serial": OLD}],
        "n": 13955900001,
    }
