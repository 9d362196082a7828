"""`./run kaitong notices ...`: what customers were told, and what could not be sent."""

from __future__ import annotations

import argparse

from kaitong.cli.asking import SYSTEM, identifier, show
from kaitong.messaging import queries, services
from kaitong.ordering import queries as orders
from kaitong.org import queries as org


def listed(asked: argparse.Namespace) -> None:
    """Addresses are masked; texts are not shown."""
    wanted = [orders.order_by_text(SYSTEM, asked.order).id] if asked.order else None
    rows, _total = queries.notices(
        SYSTEM,
        states=[asked.state] if asked.state else (),
        order_ids=wanted,
        limit=asked.limit,
    )
    facts = [
        {
            "id": str(row.id),
            "order": str(row.order_id) if row.order_id else None,
            "kind": row.kind,
            "title": row.title,
            "to": row.to,
            "address": row.address_masked,
            "channel": row.channel,
            "sent_by": row.sent_by or None,
            "state": row.state,
            "trouble": row.trouble or None,
            "error": row.last_error or None,
            "tries": row.tries,
            "at": row.created_at.isoformat(),
            "sent_at": row.sent_at.isoformat() if row.sent_at else None,
        }
        for row in rows
    ]
    if asked.json:
        show(facts)
        return
    for row in rows:
        why = f"  {row.get_trouble_display()}" if row.trouble else ""
        print(
            f"{row.id}  {row.created_at.isoformat()[:16]}  {row.title}  "
            f"{row.get_channel_display()}  {row.address_masked or '-'}  "
            f"{row.get_state_display()}{why}"
        )


def retry(asked: argparse.Namespace) -> None:
    row = services.retry(actor=org.actor_of(asked.user), notice_id=identifier(asked.id))
    print(f"{row.title} {row.state}")
