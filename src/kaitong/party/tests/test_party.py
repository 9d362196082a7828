"""Customers in the database: found again by document, searched, masked, denied to other branches,
revealed with a record, registered twice at once."""

import threading
from datetime import date
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.utils import translation

from kaitong.core.errors import Conflict, NotFound, Refused
from kaitong.core.models import AuditEntry
from kaitong.party import queries, services
from kaitong.party.errors import PartyInput
from kaitong.party.models import IdentityDocument, Party, PartyPhone

pytestmark = pytest.mark.django_db
GOOD = "11010519491231002X"
CARD = services.DocumentData("resident-id", GOOD, date(2036, 1, 1))


@pytest.fixture
def clerk(county, staff_of):
    return staff_of(county, "clerk", "clerk")


@pytest.fixture
def foreigner(other_county, staff_of):
    return staff_of(other_county, "foreign", "clerk")


def register(actor, name="王小明", phone="13812345678", document=CARD, **more):
    return services.register(actor=actor, name=name, phone=phone, document=document, **more)


def test_customer_is_found_again_by_his_document(clerk):
    first = register(clerk)
    again = register(clerk, phone="0559-7512345", document=services.DocumentData(
        "household-register", GOOD))  # fmt: skip
    assert again.pk == first.pk
    assert Party.objects.count() == 1
    assert {p.digits: p.primary for p in PartyPhone.objects.all()} == {
        "13812345678": True,
        "05597512345": False,
    }
    assert first.number.startswith("XN")


def test_number_under_another_name_is_a_conflict(clerk):
    register(clerk)
    with pytest.raises(Conflict, match="另一姓名"):
        register(clerk, name="王大明")
    assert Party.objects.count() == 1


def test_all_faults_at_once_and_nothing_written(clerk):
    bad = services.DocumentData("resident-id", GOOD[:-1] + "1", date(2020, 1, 1))
    with pytest.raises(PartyInput) as caught:
        register(clerk, name=" ", phone="123", document=bad)
    assert [f.field for f in caught.value.faults] == [
        "name", "phone", "document.number", "document.valid_until",
    ]  # fmt: skip
    assert not Party.objects.exists()


def test_newer_card_replaces_the_validity_and_an_older_does_not(clerk):
    register(clerk)
    register(clerk, document=services.DocumentData("resident-id", GOOD, date(2040, 1, 1)))
    register(clerk, document=services.DocumentData("resident-id", GOOD, date(2030, 1, 1)))
    assert IdentityDocument.objects.get().valid_until == date(2040, 1, 1)


def test_document_number_is_nowhere_in_clear(clerk):
    party = register(clerk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT d::text FROM party_identitydocument d")
        stored = cursor.fetchone()[0]
        cursor.execute("SELECT e::text FROM party_identitydocumentevent e")
        audited = cursor.fetchone()[0]
        cursor.execute("SELECT e::text FROM party_partyevent e")
        party_audit = cursor.fetchone()[0]
    for text in (stored, audited, party_audit):
        assert GOOD not in text
        assert GOOD.encode().hex() not in text
    assert "王小明" not in audited + party_audit
    assert IdentityDocument.objects.get(party=party).number == GOOD
    assert GOOD not in repr(CARD)


def test_summary_shows_nothing_in_clear(clerk, django_assert_num_queries):
    party = register(clerk)
    other = register(clerk, name="李四", phone="", document=None)
    with django_assert_num_queries(3):
        found = queries.summaries([party.pk, other.pk])
    one = found[party.pk]
    assert (one.name, one.phone) == ("王*明", "138****5678")
    assert one.document_number == "110105********002X"
    assert one.document_title == "居民身份证"
    assert one.verified == "未核验"
    assert found[other.pk].phone == ""
    assert "王小明" not in str(one.as_json())


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("王", ["王小明", "王一"]),
        ("小明", ["王小明"]),
        ("王小", ["王小明"]),
        ("wxm", ["王小明"]),
        ("WXM", ["王小明"]),
        ("138", []),
        ("1381", ["王小明"]),
        ("13812345678", ["王小明"]),
        ("+8613812345678", ["王小明"]),
        ("5678", ["王小明"]),
        (GOOD.lower(), ["王小明"]),
        ("横江花园", ["休宁横江花园物业"]),
        ("xnhj", ["休宁横江花园物业"]),
        ("没有", []),
        ("", []),
    ],
)
def test_search_while_typing(clerk, text, hits):
    register(clerk)
    register(clerk, name="王一", phone="", document=None)
    register(clerk, name="休宁横江花园物业", phone="", document=None, kind="organization")
    names = dict(Party.objects.values_list("id", "name"))
    assert [names[s.id] for s in queries.find(clerk, text)] == hits


def test_search_by_customer_number(clerk):
    party = register(clerk)
    assert [s.id for s in queries.find(clerk, party.number.lower())] == [party.pk]


def test_another_branch_sees_nothing_and_changes_nothing(clerk, foreigner):
    party = register(clerk)
    document = IdentityDocument.objects.get()
    for text in ("王小", "5678", GOOD, "wxm"):
        assert queries.find(foreigner, text) == []
    denied = [
        lambda: queries.party(foreigner, party.pk),
        lambda: queries.summary(foreigner, party.pk),
        lambda: queries.documents(foreigner, party.pk),
        lambda: services.reveal(actor=foreigner, party_id=party.pk, field="name", reason="x"),
        lambda: services.add_phone(actor=foreigner, party_id=party.pk, phone="13900001111"),
        lambda: services.set_grade(actor=foreigner, party_id=party.pk, grade="gold"),
        lambda: services.record_verification(
            actor=foreigner, document_id=document.pk, reader_used=True
        ),
    ]
    for attempt in denied:
        with pytest.raises(NotFound):
            attempt()
    assert not AuditEntry.objects.filter(kind="party.reveal").exists()
    assert PartyPhone.objects.count() == 1
    with pytest.raises(Refused):
        register(foreigner, branch_id=party.branch_id)


def test_same_person_is_a_customer_of_each_branch_apart(clerk, foreigner):
    assert register(clerk).pk != register(foreigner).pk


def test_reading_in_clear_is_recorded_without_the_value(clerk):
    party = register(clerk)
    assert services.reveal(actor=clerk, party_id=party.pk, field="phone", reason="联系客户") == (
        "13812345678"
    )
    assert GOOD in services.reveal(actor=clerk, party_id=party.pk, field="document", reason="核对")
    first, second = AuditEntry.objects.filter(kind="party.reveal").order_by("at", "id")
    assert (first.subject_id, first.actor_id) == (party.pk, clerk.id)
    assert first.data == {"field": "phone", "reason": "联系客户"}
    assert GOOD not in str(second.data)


@pytest.mark.parametrize(("field", "reason"), [("phone", " "), ("password", "x")])
def test_reveal_needs_a_reason_and_a_known_field(clerk, field, reason):
    party = register(clerk)
    with pytest.raises(PartyInput):
        services.reveal(actor=clerk, party_id=party.pk, field=field, reason=reason)
    assert not AuditEntry.objects.filter(kind="party.reveal").exists()


def test_verification_needs_reader_or_pictures(clerk):
    register(clerk)
    document = IdentityDocument.objects.get()
    with pytest.raises(Refused, match="影像"):
        services.record_verification(actor=clerk, document_id=document.pk)
    picture = uuid4()
    services.record_verification(actor=clerk, document_id=document.pk, evidence=[picture])
    document = services.record_verification(
        actor=clerk, document_id=document.pk, reader_used=True, evidence=[picture], face="passed"
    )
    document.refresh_from_db()
    assert document.evidence == [picture]
    assert document.verified_by == clerk.id
    assert queries.verified_text(document) == "读卡核验一致，人像比对通过"
    assert document.number == GOOD


def test_organisation_is_represented_with_a_letter(clerk):
    licence = services.DocumentData("business-licence", "91110000600037341L")
    company = register(clerk, name="休宁茶业公司", kind="organization", phone="", document=licence)
    person = register(clerk)
    with pytest.raises(Refused, match="介绍信"):
        services.represent(actor=clerk, party_id=company.pk, representative_id=person.pk)
    row = services.represent(
        actor=clerk, party_id=company.pk, representative_id=person.pk, evidence=[uuid4()]
    )
    again = services.represent(
        actor=clerk, party_id=company.pk, representative_id=person.pk, evidence=[uuid4()]
    )
    assert (row.role, again.pk) == ("handler", row.pk)
    ended = services.end_representation(actor=clerk, representation_id=row.pk)
    assert services.end_representation(actor=clerk, representation_id=row.pk) == ended
    with pytest.raises(Refused):
        services.represent(actor=clerk, party_id=person.pk, representative_id=company.pk)


def test_primary_phone_moves_and_contact_is_kept_once(clerk):
    party = register(clerk)
    services.add_phone(actor=clerk, party_id=party.pk, phone="13900001111", primary=True)
    assert queries.summary(clerk, party.pk).phone == "139****1111"
    assert PartyPhone.objects.filter(primary=True).count() == 1
    for remark in ("", "妻子"):
        services.add_contact(
            actor=clerk, party_id=party.pk, name="李芳", phone="13900002222", remark=remark
        )
    assert party.contacts.get().remark == "妻子"
    with pytest.raises(PartyInput) as caught:
        services.add_contact(actor=clerk, party_id=party.pk, name="", phone="1")
    assert [f.field for f in caught.value.faults] == ["phone", "name"]


def test_kinds_to_pick_from_at_the_counter():
    keys = [k for k, _title in queries.document_kinds(date(2026, 1, 1), "individual")]
    assert "resident-id" in keys
    assert "driving-licence" not in keys
    assert "business-licence" not in keys
    with translation.override("en"):
        titles = dict(queries.document_kinds(date(2026, 1, 1), "organization"))
    assert titles["business-licence"] == "Business licence"


@pytest.mark.django_db(transaction=True)
def test_two_clerks_register_one_card_at_once(county, staff_of):
    actor = staff_of(county, "clerk", "clerk")
    start, results, errors = threading.Barrier(4), [], []

    def work():
        try:
            start.wait()
            results.append(register(actor).pk)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(results)) == 1
    assert Party.objects.count() == 1
    assert PartyPhone.objects.count() == 1
