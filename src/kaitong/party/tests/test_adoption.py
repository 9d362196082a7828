"""Customers an operator has already come in together, each once, or none with every fault."""

import pytest

from kaitong.core.errors import BadInput
from kaitong.org.actor import Actor
from kaitong.party import queries, services
from kaitong.party.adoption import CustomerRow, adopt
from kaitong.party.errors import PartyRefused
from kaitong.party.models import IdentityDocument, Party, PartyPhone

pytestmark = pytest.mark.django_db
WANG = CustomerRow("王小明", "13812345678", "resident-id", "11010519491231002X")
CHENG = CustomerRow("程桂兰", "0559-7512345", "resident-id", "34052419800101001X")


def test_each_customer_comes_in_once_and_is_found(county):
    actor = Actor.system(branch_id=county.pk)
    known = services.register(
        actor=actor,
        name="王小明",
        document=services.DocumentData("resident-id", WANG.document_number, long_term=True),
    )

    first = adopt(actor=actor, branch_id=county.pk, rows=[CHENG, WANG])

    assert first[1] == known.pk
    assert adopt(actor=actor, branch_id=county.pk, rows=[WANG, CHENG]) == first[::-1]
    assert Party.objects.count() == 2
    cheng = Party.objects.get(pk=first[0])
    assert cheng.number.startswith("XN")
    assert PartyPhone.objects.get(party=cheng).primary
    assert IdentityDocument.objects.get(party=cheng).number == CHENG.document_number
    found = queries.find(actor, "cgl")
    assert [row.id for row in found] == [cheng.pk]


def test_faults_are_named_by_row_and_nothing_is_written(county, other_county, staff_of):
    actor = staff_of(county, "clerk", "clerk")
    bad = [WANG, CustomerRow(" ", "12", "resident-id", "110105194912310021")]

    with pytest.raises(BadInput) as caught:
        adopt(actor=actor, branch_id=county.pk, rows=bad)

    assert {f.field for f in caught.value.faults} == {
        "rows[1].name",
        "rows[1].phone",
        "rows[1].document.number",
    }
    with pytest.raises(PartyRefused):
        adopt(actor=actor, branch_id=other_county.pk, rows=[WANG])
    assert not Party.objects.exists()
