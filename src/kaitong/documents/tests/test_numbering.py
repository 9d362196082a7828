"""Numbers: filled from a pattern, never twice, restarted when they say so, patterns checked."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import connections, transaction

from kaitong.documents.errors import NumberingError
from kaitong.documents.numbering import parse_pattern
from kaitong.documents.services import next_number

LATE = datetime(2026, 10, 9, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai
NEXT_DAY = datetime(2026, 10, 9, 16, 0, tzinfo=UTC)


def number(pattern="{branch}-{yymmdd}-{seq:4}", at=LATE, branch="XN", **more):
    return next_number(rule="order", branch_code=branch, pattern=pattern, at=at, **more)


@pytest.mark.django_db
def test_numbers_run_and_restart_at_local_midnight():
    assert [number(), number(), number(at=NEXT_DAY), number()] == [
        "XN-261009-0001",
        "XN-261009-0002",
        "XN-261010-0001",
        "XN-261009-0003",
    ]


@pytest.mark.django_db
def test_branches_count_apart_only_when_the_number_shows_the_branch():
    assert [number(), number(branch="SX")] == ["XN-261009-0001", "SX-261009-0001"]
    plain = "{yyyy}{mm}{dd}{seq:3}"
    assert [number(plain), number(plain, branch="SX")] == ["20261009001", "20261009002"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("pattern", "restart", "expected"),
    [
        ("{yyyy}{mm}-{seq:2}", "monthly", "202610-01"),
        ("F{yy}-{seq}", "yearly", "F26-1"),
        ("{branch}{seq:8}", "never", "XN00000001"),
        ("{branch}-SL-{yyyymmdd}-{seq:5}", "daily", "XN-SL-20261009-00001"),
    ],
)
def test_patterns(pattern, restart, expected):
    assert number(pattern, restart=restart) == expected


@pytest.mark.django_db
def test_a_full_sequence_grows_instead_of_repeating():
    given = [number("{yymmdd}{seq:1}") for _n in range(11)]
    assert given[-2:] == ["26100910", "26100911"]
    assert len(set(given)) == 11


@pytest.mark.django_db
def test_a_rolled_back_number_is_given_again():
    class Undone(Exception):
        pass

    def fail():
        with transaction.atomic():
            number()
            raise Undone

    with pytest.raises(Undone):
        fail()
    assert number() == "XN-261009-0001"


@pytest.mark.parametrize(
    ("pattern", "restart"),
    [
        ("{branch}-{yymmdd}", "daily"),
        ("{seq:4}{seq:4}{yymmdd}", "daily"),
        ("{yymmdd}-{serial:4}", "daily"),
        ("{yymmdd-{seq:4}", "daily"),
        ("{yymmdd}}-{seq:4}", "daily"),
        ("{yyyy}{mm}-{seq:4}", "daily"),
        ("{mm}{dd}-{seq:4}", "daily"),
        ("{seq:4}", "yearly"),
        ("{yymmdd}-{seq:4}", "hourly"),
    ],
)
def test_pattern_that_could_repeat_or_cannot_be_read_is_refused(pattern, restart):
    with pytest.raises(NumberingError) as caught:
        parse_pattern(pattern, restart)
    assert caught.value.remedy


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_get_eight_numbers():
    start, given, errors = threading.Barrier(8), [], []

    def work():
        try:
            start.wait()
            for _n in range(5):
                with transaction.atomic():
                    given.append(number())
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(given) == [f"XN-261009-{n:04}" for n in range(1, 41)]
