"""催缴提醒: customers in arrears are told, each level once for each time they fell behind.

Who is to be told what is charging's answer to the playbook's levels; this writes the notices into
the outbox, in small transactions. Again, and twice at once, nobody is told twice: the keys say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from django.db import transaction

from kaitong.charging import queries as charging
from kaitong.charging.arrears import Dunned
from kaitong.charging.days import today
from kaitong.core.clock import now
from kaitong.messaging import queries as outbox
from kaitong.messaging import quiet
from kaitong.messaging import services as messaging
from kaitong.messaging.choices import Channel, To
from kaitong.messaging.services import NewNotice
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as parties

KIND = "dunning"
BY = (Channel.SMS, Channel.MAIL)
_BATCH = 100


def remind(on: date | None = None) -> int:
    """Queue the reminders that are due on a day, for every branch; how many notices are new."""
    top = org.top_branch()
    if top is None:
        return 0
    day = on or today()
    due = {_key(one): one for one in charging.notices_due(top.pk, day) if one.level.text}
    keys = [f"{key}:{channel}" for key in due for channel in BY]
    told = {key.rpartition(":")[0] for key in outbox.known_keys(keys)}
    wanting = [(key, one) for key, one in due.items() if key not in told]
    return sum(_queue(part) for part in _batches(wanting))


def _key(one: Dunned) -> str:
    """One of an account, the day it fell behind, and the level: whatever services it pays for."""
    return f"{KIND}:{one.account_id}:{one.oldest_due}:{one.level.after_days}"


def _batches(
    rows: Sequence[tuple[str, Dunned]],
) -> Iterator[Sequence[tuple[str, Dunned]]]:
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]


@transaction.atomic
def _queue(rows: Sequence[tuple[str, Dunned]]) -> int:
    names = {one.branch_id: org.branch(one.branch_id) for _key, one in rows}
    return messaging.queue(
        actor=Actor.system(), notices=[_notice(key, one, names) for key, one in rows]
    )


def _notice(key: str, one: Dunned, branches: dict) -> NewNotice:  # type: ignore[type-arg]
    reach = parties.reach(one.customer_id)
    language = (reach.language if reach else "") or "zh-hans"
    english = language == "en" and bool(one.level.text_en)
    branch = branches[one.branch_id]
    text = one.level.text_en if english else one.level.text
    return NewNotice(
        key=key,
        kind=KIND,
        title=one.level.title,
        title_en=one.level.title_en,
        to=To.CUSTOMER,
        by=BY,
        text=text.format_map(
            {
                "branch": (branch.name_en if english else "") or branch.name,
                "sum": charging.yuan(one.overdue_fen),
                "due": f"{one.oldest_due:%Y-%m-%d}",
                "days": one.days,
            }
        ),
        branch_id=one.branch_id,
        party_id=one.customer_id,
        language=language,
        not_before=quiet.earliest(now(), one.quiet),
    )
