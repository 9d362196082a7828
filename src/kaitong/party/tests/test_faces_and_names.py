"""Face comparisons with their source, and names: of a shape, and corrected on record."""

from datetime import date
from decimal import Decimal

import pytest

from kaitong.core.errors import NotFound
from kaitong.core.models import AuditEntry
from kaitong.party import queries, services
from kaitong.party.errors import PartyInput
from kaitong.party.names import clean_name, name_shape

pytestmark = pytest.mark.django_db
CARD = services.DocumentData("resident-id", "11010519491231002X", date(2036, 1, 1))


@pytest.fixture
def clerk(county, staff_of):
    return staff_of(county, "clerk", "clerk")


@pytest.fixture
def foreigner(other_county, staff_of):
    return staff_of(other_county, "foreign", "clerk")


def test_face_comparison_says_by_what_and_the_newest_counts(clerk):
    party = services.register(actor=clerk, name="叶慧敏", document=CARD)
    (document,) = queries.documents(clerk, party.pk)
    services.record_face(
        actor=clerk, document_id=document.pk, result="failed", source="reader", score=Decimal(61)
    )
    kept = services.record_face(
        actor=clerk,
        document_id=document.pk,
        result="passed",
        source="by-hand",
        reason="当面核对照片",
    )
    assert (kept.face, kept.face_score, kept.face_source) == ("passed", None, "by-hand")
    assert kept.face_reason == "当面核对照片"
    assert kept.face_at is not None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"result": "not-done", "source": "reader"}, "face"),
        ({"result": "passed", "source": "crystal-ball"}, "face_source"),
        ({"result": "passed", "source": "reader", "score": Decimal(101)}, "face_score"),
        ({"result": "passed", "source": "by-hand"}, "face_reason"),
    ],
)
def test_face_comparison_that_is_none_is_refused(clerk, given, field):
    party = services.register(actor=clerk, name="叶慧敏", document=CARD)
    (document,) = queries.documents(clerk, party.pk)
    with pytest.raises(PartyInput) as bad:
        services.record_face(actor=clerk, document_id=document.pk, **given)
    assert [fault.field for fault in bad.value.faults] == [field]
    assert queries.documents(clerk, party.pk)[0].face == "not-done"


def test_name_is_corrected_once_on_record_and_found_by_the_right_one(clerk, foreigner):
    party = services.register(actor=clerk, name="叶惠民", document=CARD)
    given = {"party_id": party.pk, "name": "叶慧敏", "reason": "核对身份证原件"}
    with pytest.raises(NotFound):
        services.correct_name(actor=foreigner, **given)
    with pytest.raises(PartyInput):
        services.correct_name(actor=clerk, party_id=party.pk, name="叶慧敏", reason=" ")
    with pytest.raises(PartyInput):
        services.correct_name(actor=clerk, party_id=party.pk, name="123", reason="x")
    for _twice in range(2):
        services.correct_name(actor=clerk, **given)
    entry = AuditEntry.objects.get(kind="party.name-corrected")
    assert (entry.actor_id, entry.data) == (clerk.id, {"reason": "核对身份证原件"})
    assert queries.documents(clerk, party.pk)[0].holder_name == "叶慧敏"
    assert [one.id for one in queries.find(clerk, "yhm")] == [party.pk]
    again = services.register(actor=clerk, name="叶慧敏", document=CARD)
    assert again.pk == party.pk


@pytest.mark.parametrize(
    ("name", "kind", "good"),
    [
        ("叶慧敏", "individual", True),
        ("阿卜杜拉·买买提", "individual", True),
        ("𠮷田", "individual", True),
        ("John O'Neil-Smith", "individual", True),
        ("Nguyễn Thị Hà", "individual", True),
        ("休宁县第2中学（北校区）", "organization", True),
        ("3M 中国有限公司", "organization", True),
        ("", "individual", False),
        ("王", "individual", False),
        ("13855901234", "individual", False),
        ("叶慧敏1", "individual", False),
        ("啊啊啊", "individual", False),
        ("王John", "individual", False),
        ("·叶慧敏", "individual", False),
        ("叶慧敏？", "individual", False),
        ("12345678", "organization", False),
        ("公司<script>", "organization", False),
    ],
)
def test_shape_of_a_name(name, kind, good):
    assert (name_shape(clean_name(name), kind) == "") is good
