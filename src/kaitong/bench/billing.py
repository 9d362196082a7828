"""`billing`: the bills of a month for 100,000 services, and a second run that finds nothing.

Its peer is what the database alone needs: the same lines, ready made, inserted by one statement
into a table of the same shape with its indexes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta

from kaitong.bench import world
from kaitong.bench.figures import Figure, say
from kaitong.bench.place import Place
from kaitong.charging import billing, books
from kaitong.charging.days import start_of
from kaitong.core import clock, db
from kaitong.org.actor import Actor
from kaitong.org.queries import branch_by_code

MONTH = date(2026, 11, 1)
SECONDS = 300.0

_ACCOUNTS = """
INSERT INTO charging_account (id, created_at, branch_id, customer_id, balance_fen)
SELECT gen_random_uuid(), now(), %s, gen_random_uuid(), 0 FROM generate_series(1, %s)
"""
_RENTS = """
INSERT INTO charging_rent (id, created_at, branch_id, account_id, service_id, playbook, offering,
    code, title, amount_fen, prorate, since)
SELECT gen_random_uuid(), now(), branch_id, id, gen_random_uuid(), 'home-broadband', 'home-300',
    'home-300.1', '月租费', 9900, 'daily', date '2026-11-01' + (row_number() OVER () %% 30)::int
FROM charging_account
"""
# A third of the customers has paid ahead, so that settling is measured too.
_PAID = """
WITH paid AS (
    INSERT INTO charging_payment (id, created_at, branch_id, account_id, kind, method, amount_fen,
        key, reference, reason, paid_at)
    SELECT gen_random_uuid(), now(), branch_id, id, 'payment', 'card', 20000, 'bench', '', '', now()
    FROM (SELECT *, row_number() OVER () AS n FROM charging_account) a WHERE n %% 3 = 0
    RETURNING account_id
)
UPDATE charging_account SET balance_fen = 20000 WHERE id IN (SELECT account_id FROM paid)
"""
_ENTRY = """
WITH total AS (SELECT branch_id, sum(balance_fen) AS fen FROM charging_account GROUP BY 1),
entry AS (
    INSERT INTO charging_journalentry (id, created_at, branch_id, kind, key)
    SELECT gen_random_uuid(), now(), branch_id, 'payment', 'bench' FROM total RETURNING id
)
INSERT INTO charging_journalline (id, created_at, branch_id, entry_id, account, amount_fen)
SELECT gen_random_uuid(), now(), branch_id, entry.id, side.account, side.sign * fen
FROM total, entry, (VALUES ('card', 1), ('prepaid', -1)) AS side (account, sign)
"""
_PEER = """
CREATE TABLE bench_line (LIKE charging_billline INCLUDING INDEXES INCLUDING CONSTRAINTS);
INSERT INTO bench_line SELECT * FROM charging_billline
"""


@dataclass(frozen=True, slots=True)
class Size:
    services: int = 100_000


SMALL = Size(services=300)


def run(place: Place, size: Size) -> list[Figure]:
    """Lay the services, bill their month twice, look whether the books balance."""
    migrated = place.template(
        "migrated", world.migrate, shaped_by=("src/kaitong/*/migrations/*.py",)
    )
    with place.database("bench_billing", migrated):
        if not place.borrowed:
            world.people_and_playbooks()
        say(f"billing: laying {size.services:,} services")
        branch = branch_by_code("XN")
        db.execute(_ACCOUNTS, [branch.pk, size.services])
        for statement in (_RENTS, _PAID, _ENTRY):
            db.execute(statement, [])
        db.execute("ANALYZE charging_account, charging_rent")
        say("billing: the run")
        with clock.frozen(start_of(date(2026, 12, 2)) + timedelta(hours=3)):
            first, done = _timed(lambda: billing.run(actor=Actor.system(), month=MONTH))
            again, nothing = _timed(lambda: billing.run(actor=Actor.system(), month=MONTH))
        checking, problems = _timed(books.check)
        assert (done.lines, nothing.lines, problems) == (size.services, 0, [])
        peer, _rows = _timed(lambda: db.execute(_PEER))
        db.execute("DROP TABLE bench_line")
    speed = size.services / first
    return [
        Figure("billing: a month's run", first, "s", "<=", SECONDS, f"{size.services:,} services"),
        Figure("billing: services billed and settled", speed, "services/s"),
        Figure("billing: its lines by one statement", peer, "s", note="peer"),
        Figure("billing: a run that finds nothing", again, "s", "<=", 10.0),
        Figure("billing: do the books balance", checking, "s", "<=", 60.0),
    ]


def _timed(act):  # type: ignore[no-untyped-def]
    begun = time.perf_counter()
    done = act()
    return time.perf_counter() - begun, done
