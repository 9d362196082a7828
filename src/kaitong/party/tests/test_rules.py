"""Identity documents: kinds by date, numbers, validity (VER-01..05), names and phones."""

from datetime import date

import pytest

from kaitong.core.errors import BadInput
from kaitong.party import kinds as tables
from kaitong.party.choices import REMEDIES, Bearer, FaceResult, FaultCode
from kaitong.party.names import name_keys, parse_phone
from kaitong.party.numbers import birth_date, normalize
from kaitong.party.rules import Presented, check_document, check_handling

ON = date(2026, 10, 9)
UNTIL = date(2030, 1, 1)
GOOD = "11010519491231002X"
CREDIT = "91110000600037341L"


def codes(faults):
    return [fault.code for fault in faults]


@pytest.mark.parametrize(
    ("kind", "number", "expected"),
    [
        ("resident-id", GOOD, []),
        ("resident-id", "11010519491231002x", []),
        ("resident-id", "１１０１０５ 19491231-002X", []),
        ("resident-id", "", [FaultCode.EMPTY]),
        ("resident-id", "110105194912310021", [FaultCode.WRONG_CHECK_DIGIT]),
        ("resident-id", "110105491231002", [FaultCode.WRONG_LENGTH]),
        ("resident-id", "11010519491231OO2X", [FaultCode.WRONG_FORMAT]),
        ("resident-id", "110105194902310026", [FaultCode.WRONG_BIRTH_DATE]),
        ("household-register", GOOD, []),
        ("passport", "E12345678", []),
        ("passport", "E1", [FaultCode.WRONG_FORMAT]),
        ("hk-macau-permit", "H12345678", []),
        ("hk-macau-permit", "X12345678", [FaultCode.WRONG_FORMAT]),
        ("taiwan-permit", "12345678", []),
        ("officer-card", "军字第0012345号", []),
        ("foreigner-residence", "CHN310019820101", []),
        ("foreigner-residence", "CHN310019820", [FaultCode.WRONG_LENGTH]),
        ("business-licence", CREDIT, []),
        ("business-licence", CREDIT[:-1] + "M", [FaultCode.WRONG_CHECK_DIGIT]),
        ("business-licence", "123", [FaultCode.WRONG_LENGTH]),
        ("library-card", "1", [FaultCode.UNKNOWN_KIND]),
    ],
)
def test_number_of_a_document(kind, number, expected):
    assert codes(check_document(kind, number, UNTIL, ON)) == expected


def test_kinds_that_are_history_are_refused_by_date():
    """VER-01, VER-04 with the corrections of practice.md."""
    driving = ("driving-licence", GOOD, UNTIL)
    assert codes(check_document(*driving, ON)) == [FaultCode.NOT_ACCEPTED]
    assert codes(check_document(*driving, date(2013, 8, 31))) == []
    code = ("organization-code", "60003734-1", UNTIL)
    assert codes(check_document(*code, ON)) == [FaultCode.NOT_ACCEPTED]
    assert codes(check_document(*code, date(2014, 1, 1))) == []
    assert codes(check_document("business-licence", CREDIT, None, date(2014, 1, 1))) == [
        FaultCode.NOT_ACCEPTED
    ]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"valid_until": ON}, []),
        ({"valid_until": date(2026, 10, 8)}, [FaultCode.EXPIRED]),
        ({"valid_until": None}, [FaultCode.NO_VALIDITY]),
        ({"valid_until": None, "long_term": True}, []),
        ({"valid_until": UNTIL, "valid_from": date(2026, 10, 10)}, [FaultCode.NOT_YET_VALID]),
        ({"valid_until": UNTIL, "valid_from": date(2031, 1, 1)}, [FaultCode.VALIDITY_REVERSED]),
    ],
)
def test_validity_on_a_day(facts, expected):
    until = facts.pop("valid_until")
    assert codes(check_document("resident-id", GOOD, until, ON, **facts)) == expected


def test_all_faults_of_a_document_at_once():
    faults = check_document(
        "driving-licence", "110105194912310021", date(2020, 1, 1), ON, party_kind="organization"
    )
    assert codes(faults) == [
        FaultCode.NOT_ACCEPTED,
        FaultCode.NOT_FOR_THIS_CUSTOMER,
        FaultCode.WRONG_CHECK_DIGIT,
        FaultCode.EXPIRED,
    ]


def test_every_fault_has_words_and_a_remedy():
    assert set(REMEDIES) == set(FaultCode)
    fault = check_document("resident-id", "1", UNTIL, ON)[0].as_input("document")
    assert (fault.field, fault.what) == ("document.number", "证件号码位数不对。")
    assert fault.remedy


def card(bearer, **facts):
    values = {"kind": "resident-id", "number": GOOD, "valid_until": UNTIL, "evidence": 2}
    return Presented(bearer, **{**values, **facts})


LICENCE = {"kind": "business-licence", "number": CREDIT, "valid_until": None}
COMPANY = [card(Bearer.LETTER), card(Bearer.HANDLER), card(Bearer.ORGANIZATION, **LICENCE)]


@pytest.mark.parametrize(
    ("party_kind", "presented", "by_agent", "expected"),
    [
        ("individual", [card(Bearer.CUSTOMER)], False, []),
        ("individual", [], False, [(Bearer.CUSTOMER, FaultCode.MISSING_DOCUMENT)]),
        (
            "individual",
            [card(Bearer.CUSTOMER, original=False)],
            False,
            [(Bearer.CUSTOMER, FaultCode.NOT_ORIGINAL)],
        ),
        (
            "individual",
            [card(Bearer.AGENT)],
            True,
            [(Bearer.CUSTOMER, FaultCode.MISSING_DOCUMENT)],
        ),
        (
            "individual",
            [card(Bearer.CUSTOMER), card(Bearer.AGENT, number=GOOD[:-1] + "1")],
            True,
            [(Bearer.AGENT, FaultCode.WRONG_CHECK_DIGIT)],
        ),
        (
            "individual",
            [card(Bearer.CUSTOMER, evidence=0)],
            False,
            [(Bearer.CUSTOMER, FaultCode.NO_EVIDENCE)],
        ),
        ("individual", [card(Bearer.CUSTOMER, evidence=0, reader_used=True)], False, []),
        (
            "individual",
            [card(Bearer.CUSTOMER, face=FaceResult.FAILED)],
            False,
            [(Bearer.CUSTOMER, FaultCode.FACE_FAILED)],
        ),
        ("organization", COMPANY, False, []),
        (
            "organization",
            COMPANY[1:],
            False,
            [(Bearer.LETTER, FaultCode.MISSING_DOCUMENT)],
        ),
        (
            "organization",
            [*COMPANY[:2], card(Bearer.ORGANIZATION)],
            False,
            [(Bearer.ORGANIZATION, FaultCode.NOT_FOR_THIS_CUSTOMER)],
        ),
    ],
)
def test_what_is_brought_to_the_counter(party_kind, presented, by_agent, expected):
    """VER-02 to VER-05."""
    faults = check_handling(party_kind, presented, ON, by_agent=by_agent)
    assert [(f.bearer, f.code) for f in faults] == expected


def test_kinds_of_an_operator_are_data():
    table = tables.kinds_from(
        [
            {"kind": "resident-id", "accepted_until": "2026-01-01"},
            {"kind": "works-card", "title": "工作证", "format": "any", "expires": False},
        ]
    )
    assert codes(check_document("works-card", "A-17", None, ON, kinds=table)) == []
    assert codes(check_document("resident-id", GOOD, UNTIL, ON, kinds=table)) == [
        FaultCode.NOT_ACCEPTED
    ]
    assert codes(check_document("passport", "E12345678", UNTIL, ON, kinds=table)) == [
        FaultCode.UNKNOWN_KIND
    ]
    assert [k.kind for k in tables.accepted_on(ON, kinds=table)] == ["works-card"]


def test_faults_of_a_table_of_kinds_come_all_at_once():
    with pytest.raises(BadInput) as caught:
        tables.kinds_from([{"kind": "x", "title": "X", "format": "wild", "colour": "red"},
                           {"kind": "passport", "accepted_from": "soon"}])  # fmt: skip
    assert [f.field for f in caught.value.faults] == [
        "[0].colour",
        "[0].format",
        "[1].accepted_from",
    ]


def test_birth_date():
    assert birth_date(GOOD) == date(1949, 12, 31)
    assert birth_date("E123") is None
    assert normalize("ａ-1 2×") == "A12X"


@pytest.mark.parametrize(
    ("name", "sort", "initials"),
    [
        ("张三伟", "zhang san wei 张三伟", "zsw"),
        ("仇英", "qiu ying 仇英", "qy"),
        ("单雄信", "shan xiong xin 单雄信", "sxx"),
        ("尉迟恭", "yu chi gong 尉迟恭", "ycg"),
        ("阿卜杜拉•买买提", "a bo du la mai mai ti 阿卜杜拉·买买提", "abdlmmt"),
        ("John  Smith", "john smith John Smith", "js"),
    ],
)
def test_names_sort_and_abbreviate_by_their_reading(name, sort, initials):
    keys = name_keys(name)
    assert (keys.sort, keys.initials) == (sort, initials)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("138-1234-5678", "13812345678"),
        ("+86 13812345678", "13812345678"),
        ("１３８１２３４５６７８", "13812345678"),
        ("0559-7512345", "05597512345"),
        ("400-800-8888", "4008008888"),
        ("12345", None),
        ("23812345678", None),
        ("abc", None),
    ],
)
def test_phones_have_one_form(text, digits):
    phone = parse_phone(text)
    assert (phone.digits if phone else None) == digits
