"""Do the books balance (试算平衡)? Every entry, every account, every sum that is kept twice.

The database refuses an entry that does not balance; this looks at everything again, from outside.
"""

from __future__ import annotations

from kaitong.charging.choices import AccountKey
from kaitong.core import db

_CHECKS: tuple[tuple[str, str], ...] = (
    (
        "journal entry {id} sums to {fen} fen",
        "SELECT entry_id::text AS id, sum(amount_fen)::text AS fen FROM charging_journalline"
        " GROUP BY entry_id HAVING sum(amount_fen) <> 0 OR count(*) < 2",
    ),
    (
        "branch {id}: the accounts sum to {fen} fen",
        "SELECT branch_id::text AS id, sum(amount_fen)::text AS fen FROM charging_journalline"
        " GROUP BY branch_id HAVING sum(amount_fen) <> 0",
    ),
    (
        "account {id}: its balance is {fen} fen away from its payments and settlements",
        """
        SELECT a.id::text, (a.balance_fen - coalesce(p.fen, 0) + coalesce(s.fen, 0))::text AS fen
        FROM charging_account a
        LEFT JOIN (
            SELECT account_id, sum(CASE kind WHEN 'refund' THEN -amount_fen ELSE amount_fen END)
                AS fen
            FROM charging_payment WHERE order_id IS NULL GROUP BY account_id
        ) p ON p.account_id = a.id
        LEFT JOIN (
            SELECT account_id, sum(amount_fen) AS fen FROM charging_settlement GROUP BY account_id
        ) s ON s.account_id = a.id
        WHERE a.balance_fen <> coalesce(p.fen, 0) - coalesce(s.fen, 0)
        """,
    ),
    (
        "bill {id}: total or paid is {fen} fen away from its lines and settlements",
        """
        SELECT b.id::text, (abs(b.total_fen - coalesce(l.fen, 0))
            + abs(b.paid_fen - coalesce(s.fen, 0)))::text AS fen
        FROM charging_bill b
        LEFT JOIN (SELECT bill_id, sum(amount_fen) AS fen FROM charging_billline GROUP BY bill_id) l
            ON l.bill_id = b.id
        LEFT JOIN (
            SELECT bill_id, sum(amount_fen) AS fen FROM charging_settlement GROUP BY bill_id
        ) s ON s.bill_id = b.id
        WHERE b.total_fen <> coalesce(l.fen, 0) OR b.paid_fen <> coalesce(s.fen, 0)
        """,
    ),
    (
        "branch {id}: customers' balances are {fen} fen away from the journal's prepaid account",
        """
        SELECT coalesce(a.branch_id, j.branch_id)::text AS id,
            (coalesce(a.fen, 0) + coalesce(j.fen, 0))::text AS fen
        FROM (SELECT branch_id, sum(balance_fen) AS fen FROM charging_account GROUP BY 1) a
        FULL JOIN (
            SELECT branch_id, sum(amount_fen) AS fen FROM charging_journalline
            WHERE account = 'prepaid' GROUP BY 1
        ) j ON j.branch_id = a.branch_id
        WHERE coalesce(a.fen, 0) + coalesce(j.fen, 0) <> 0
        """,
    ),
    (
        "branch {id}: open bills are {fen} fen away from the journal's bill account",
        """
        WITH owed AS (
            SELECT branch_id, total_fen - paid_fen AS fen FROM charging_bill
            UNION ALL  -- put on the bill, and on none yet
            SELECT c.branch_id, c.amount_fen - c.refunded_fen FROM charging_charge c
            JOIN charging_payment p ON p.id = c.payment_id AND p.method = 'bill'
            WHERE NOT EXISTS (SELECT FROM charging_billline l WHERE l.charge_id = c.id)
        ), told AS (
            SELECT branch_id, amount_fen AS fen FROM charging_journalline WHERE account = 'bill'
        )
        SELECT coalesce(o.branch_id, t.branch_id)::text AS id,
            (coalesce(o.fen, 0) - coalesce(t.fen, 0))::text AS fen
        FROM (SELECT branch_id, sum(fen) AS fen FROM owed GROUP BY 1) o
        FULL JOIN (SELECT branch_id, sum(fen) AS fen FROM told GROUP BY 1) t
            ON t.branch_id = o.branch_id
        WHERE coalesce(o.fen, 0) <> coalesce(t.fen, 0)
        """,
    ),
    (
        "branch {id}: what is due is {fen} fen away from the journal's receivable account",
        """
        SELECT coalesce(o.branch_id, t.branch_id)::text AS id,
            (coalesce(o.fen, 0) - coalesce(t.fen, 0))::text AS fen
        FROM (
            SELECT branch_id, sum(amount_fen) AS fen FROM charging_charge
            WHERE state = 'due' GROUP BY 1
        ) o
        FULL JOIN (
            SELECT branch_id, sum(amount_fen) AS fen FROM charging_journalline
            WHERE account = 'receivable' GROUP BY 1
        ) t ON t.branch_id = o.branch_id
        WHERE coalesce(o.fen, 0) <> coalesce(t.fen, 0)
        """,
    ),
    (
        "payment {id}: gave back {fen} fen more than it took",
        """
        SELECT p.id::text, (sum(r.amount_fen) - p.amount_fen)::text AS fen
        FROM charging_payment p JOIN charging_payment r ON r.refund_of_id = p.id
        GROUP BY p.id HAVING sum(r.amount_fen) > p.amount_fen
        """,
    ),
    (
        "rent {id}: the days of a month stand on two rents of one service, {fen}",
        """
        SELECT a.id::text, a.code AS fen FROM charging_rent a
        JOIN charging_rent b ON b.service_id = a.service_id AND b.code = a.code AND a.id < b.id
        WHERE a.since < coalesce(b.until, 'infinity') AND b.since < coalesce(a.until, 'infinity')
        """,
    ),
)


def check() -> list[str]:
    """What does not add up, in words for whoever keeps the machine; nothing when all does."""
    found = []
    for words, sql in _CHECKS:
        found += [words.format(**row) for row in db.rows(f"{sql} LIMIT 50")]
    return found


def trial_balance() -> dict[str, int]:
    """The accounts of all branches; they sum to nothing."""
    rows = db.rows(
        "SELECT account, sum(amount_fen)::bigint AS fen FROM charging_journalline GROUP BY account"
    )
    known = {row["account"]: row["fen"] for row in rows}
    return {key: known.get(key, 0) for key in AccountKey.values}
