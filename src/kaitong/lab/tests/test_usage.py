"""Accounting becomes sessions and usage: days and months of a real server's records."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import psycopg
import pytest

from kaitong.activation import queries, usage
from kaitong.activation.usage import UsedSession
from kaitong.core.ids import uuid7
from kaitong.lab.tests.test_activation import element, service  # noqa: F401  fixtures

CHINA = ZoneInfo("Asia/Shanghai")


def session(begin, end, down=0, up=0):
    return UsedSession(begin, end, end, down, up, "100.64.0.9", "OLT-01 eth 0/3/6:O1", "")


def china(*parts):
    return datetime(*parts, tzinfo=CHINA)


def test_a_session_over_midnight_is_spread_by_time_and_nothing_is_lost():
    one = session(china(2026, 10, 31, 18), china(2026, 11, 1, 6), down=1001, up=7)
    span = china(2026, 10, 1), china(2026, 12, 1)
    first, second = usage.by_day([one], *span, CHINA)
    assert (first.day, first.seconds) == (date(2026, 10, 31), 6 * 3600)
    assert (first.down + second.down, first.up + second.up) == (1001, 7)
    assert [m.day for m in usage.by_month([first, second])] == [
        date(2026, 10, 1),
        date(2026, 11, 1),
    ]


def test_days_are_those_of_the_customer_and_only_of_the_span():
    late = session(datetime(2026, 11, 3, 17, tzinfo=UTC), datetime(2026, 11, 3, 18, tzinfo=UTC), 5)
    long = session(china(2026, 11, 1, 0), china(2026, 11, 6, 0), 500)
    days = usage.by_day([late, long], china(2026, 11, 4), china(2026, 11, 5), CHINA)
    assert [(d.day, d.down) for d in days] == [(date(2026, 11, 4), 105)]


@pytest.mark.radius
@pytest.mark.django_db
def test_a_service_s_accounting_is_its_usage(element, service, lab):  # noqa: F811
    with psycopg.connect(lab.cluster.dsn("radius"), autocommit=True) as admin:
        for day, stop in ((2, "2026-11-02 12:00+08"), (3, None)):
            admin.execute(
                "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress,"
                " acctstarttime, acctupdatetime, acctstoptime, acctinputoctets, acctoutputoctets,"
                " acctterminatecause, framedipaddress) VALUES ('s', %s, %s, '10.99.0.1', %s, %s,"
                " %s, 10, 3000, 'User-Request', '100.64.0.9')",
                [str(uuid7()), service.account, f"2026-11-0{day} 10:00+08",
                 f"2026-11-0{day} 12:00+08", stop],
            )  # fmt: skip
    used = queries.usage(service, china(2026, 11, 1), china(2026, 11, 30))
    assert [s.ended_at is None for s in used.sessions] == [True, False]  # the newest first
    assert [(d.day, d.seconds, d.down, d.up) for d in used.days] == [
        (date(2026, 11, 2), 7200, 3000, 10),
        (date(2026, 11, 3), 7200, 3000, 10),
    ]
    assert [(m.day, m.down) for m in used.months] == [(date(2026, 11, 1), 6000)]
    assert used.whole
    assert queries.usage(service, china(2026, 12, 1), china(2026, 12, 30)).days == ()
