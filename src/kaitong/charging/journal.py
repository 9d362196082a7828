"""Writing the journal: every movement of money is an entry whose lines sum to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from kaitong.charging.choices import AccountKey, EntryKind
from kaitong.charging.models import JournalEntry, JournalLine
from kaitong.org.actor import Actor


def post(
    actor: Actor,
    *,
    branch_id: UUID,
    kind: EntryKind,
    key: str,
    lines: Mapping[AccountKey, int],
    order_id: UUID | None = None,
) -> JournalEntry:
    """One entry. Lines of nothing are left out; the database refuses what does not balance."""
    entry = JournalEntry.objects.create(
        branch_id=branch_id, order_id=order_id, kind=kind, key=key, actor_id=actor.id
    )
    JournalLine.objects.bulk_create(
        JournalLine(entry=entry, branch_id=branch_id, account=account, amount_fen=fen)
        for account, fen in lines.items()
        if fen
    )
    return entry
