"""Rows read and written plainly (`core.plain`) are what Django would have read and written."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

from kaitong.core import audit, plain
from kaitong.core.ids import uuid7
from kaitong.core.models import AuditEntry
from kaitong.org import queries as org
from kaitong.org import services
from kaitong.org.actor import Actor
from kaitong.org.models import Branch, Department

pytestmark = pytest.mark.django_db


def columns(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_an_inserted_row_is_read_back_as_django_reads_it(county):
    made = Department.objects.create(branch=county, key="sales", name="市场部", calendar="")
    assert not made._state.adding
    for row in (plain.by_key(Department, made.pk), Department.objects.get(pk=made.pk)):
        assert columns(row) == columns(made)
        assert row.branch == county


def test_named_columns_are_changed_and_no_others(county):
    stale = plain.by_key(Branch, county.pk)
    Branch.objects.filter(pk=county.pk).update(name_en="Xiuning")
    stale.name, stale.name_en = "休宁县分公司", "never saved"
    stale.save(update_fields=["name"])
    plain.refresh(county)
    assert (county.name, county.name_en) == ("休宁县分公司", "Xiuning")


def test_a_row_that_is_gone_is_not_saved(county):
    made = Department.objects.create(branch=county, key="sales", name="市场部")
    Department.objects.filter(pk=made.pk).delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        made.save(update_fields=["name"])
    with pytest.raises(ValueError, match="fields do not exist"):
        made.save(update_fields=["no_such"])


def test_what_the_database_refuses_is_an_error_of_django_and_leaves_the_transaction(county):
    Department.objects.create(branch=county, key="sales", name="市场部")
    with pytest.raises(IntegrityError), transaction.atomic():
        Department.objects.create(branch=county, key="sales", name="又一个")
    assert Department.objects.filter(key="sales").count() == 1


def test_expressions_go_djangos_way(county):
    made = Department.objects.create(branch=county, key="sales", name="市场部")
    made.name = models.functions.Concat(models.F("name"), models.Value("二"))
    made.save(update_fields=["name"])
    assert Department.objects.get(pk=made.pk).name == "市场部二"


def test_another_branchs_row_is_not_found(county, other_county, staff_of):
    clerk = staff_of(county, "clerk", "clerk")
    made = Department.objects.create(branch=other_county, key="sales", name="市场部")
    seen = org.branches_seen(clerk)
    assert plain.by_key(Department, made.pk, branches=seen) is None
    assert plain.by_key(Department, made.pk, lock=True, branches=()) is None
    assert org.visible_rows(Department, clerk, "key = %s", ["sales"]) == []
    assert org.visible_rows(Department, Actor.system(), "key = %s", ["sales"]) == [made]


def test_who_acts_and_why_is_told_to_the_audit(county):
    who = uuid7()
    with audit.acting(who, "renamed"), transaction.atomic():
        county.name = "休宁县分公司"
        county.save(update_fields=["name"])
    event = Branch.pgh_event_model.objects.filter(pgh_obj=county).order_by("-pgh_id")[0]
    assert event.name == "休宁县分公司"
    assert event.pgh_context.metadata == {"actor": str(who), "reason": "renamed"}


def test_statements_are_counted_where_django_counts_its_own(county):
    with CaptureQueriesContext(
        connection,
    ) as counted:
        plain.by_key(Branch, county.pk)
        AuditEntry.objects.create(kind="x", subject_type="x")
    assert len(counted) == 2


def test_a_kept_row_is_read_again_when_anybody_has_changed_it(county):
    def read():
        (found,) = plain.kept(Branch, "id = %s", [county.pk])
        return found.name

    assert read() == read() == "休宁分公司"
    with CaptureQueriesContext(connection) as counted:
        read()
    assert len(counted) == 1
    with transaction.atomic():
        Branch.objects.filter(pk=county.pk).update(name="没有提交的")
        assert read() == "没有提交的"
        transaction.set_rollback(True)
    assert read() == "休宁分公司"
    Branch.objects.filter(pk=county.pk).update(name="休宁县分公司")
    assert read() == "休宁县分公司"


def test_a_kept_row_that_one_transaction_writes_twice_is_read_twice(county):
    def read():
        (found,) = plain.kept(Branch, "id = %s", [county.pk])
        return found.name

    read()
    with connection.cursor() as cursor:  # no savepoint between them: both have one `xmin`
        for name in ("第一次", "第二次"):
            cursor.execute("update org_branch set name = %s where id = %s", [name, county.pk])
            assert read() == name
    assert read() == "第二次"


def test_kept_rows_are_bounded(county, monkeypatch):
    monkeypatch.setattr(plain, "MOST_KEPT", 2)
    for n in range(4):
        services.ensure_branch(code=f"B{n}", name=f"分公司{n}", kind="county", parent=county)
    rows = plain.kept(Branch, "parent_id = %s order by code", [county.pk])
    assert [row.code for row in rows] == ["B0", "B1", "B2", "B3"]
    assert len(plain._kept[Branch]) == 2
