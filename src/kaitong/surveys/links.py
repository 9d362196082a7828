"""Links by short message: made, sent, found again; trying others is counted and ends.

A link holds sixteen signs drawn by the machine's own source of secrets (79 bits); what is stored is
a digest. It is good until it is answered or its time is over. One that nobody was sent, one that
was answered and one whose time is over are told apart only to who has the link itself.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import db
from kaitong.core.clock import now
from kaitong.core.crypto import blind_index
from kaitong.messaging import quiet
from kaitong.messaging import services as messaging
from kaitong.messaging.choices import Channel, To
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.surveys.choices import State
from kaitong.surveys.errors import NoSuchSurvey, SurveyOver, TooManyTries
from kaitong.surveys.models import Guess, Invitation

SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike
LENGTH = 16
WINDOW = timedelta(minutes=10)
WRONG = 20  # of one address within a window: from then on nothing is looked up
_COUNT = """insert into surveys_guess (client, "window", wrong) values (%s, %s, 1)
 on conflict (client, "window") do update set wrong = surveys_guess.wrong + 1"""


def origin() -> str:
    """The address customers open Kaitong by, where the operator has named it (KAITONG_ORIGINS)."""
    return settings.CSRF_TRUSTED_ORIGINS[0].rstrip("/") if settings.CSRF_TRUSTED_ORIGINS else ""


def make(row: Invitation) -> str:
    """A link's secret, of which the row keeps the digest."""
    token = "".join(secrets.choice(SIGNS) for _n in range(LENGTH))
    row.token_digest = _digest(token)
    return token


def send(row: Invitation, entry: Mapping[str, Any], token: str, reach: parties.Reach) -> None:
    """Put the link into the outbox, once; nobody here reads it, and it is not sent too late."""
    english = reach.language == "en"
    words: Mapping[str, str] = row.rules.content.get("english", {})
    branch = org.branch(row.branch_id)
    text = (english and words.get(entry["text"])) or entry["text"]
    told = {
        "branch": (english and branch.name_en) or branch.name,
        "number": row.number,
        "link": f"{origin()}/s/{token}",
        "days": max(math.ceil((row.expires_at - row.asked_at) / timedelta(days=1)), 1),
    }
    hours = row.rules.parameters.get(row.rules.content.get("quiet", ""), "")
    notice = messaging.NewNotice(
        key=f"survey:{row.pk}",
        kind="survey",
        title=entry["title"],
        title_en=words.get(entry["title"], ""),
        to=To.CUSTOMER,
        by=(Channel.SMS,),
        text=text.format_map(told),
        branch_id=row.branch_id,
        party_id=row.party_id,
        language=reach.language or "zh-hans",
        not_before=quiet.earliest(now(), str(hours)),
        reach=reach,
        secret_until=row.expires_at,
    )
    messaging.queue(actor=Actor.system(branch_id=row.branch_id), notices=[notice])


def opened(token: str, *, client: str) -> Invitation:
    """Who was sent this link. Opening it changes nothing: programs that look at links before people
    do use none up.

    Whether it may be answered yet is `require_open`, said in the customer's language. Raises
    NoSuchSurvey (counted against the address), TooManyTries.
    """
    row = _row(token)
    if row is not None:
        return row  # many customers share an address; who has a link has not guessed
    index = blind_index("surveys.client", client)
    since = _window(now())
    if Guess.objects.filter(client=index, window=since, wrong__gte=WRONG).exists():
        raise TooManyTries(_("打开的链接不对，次数太多。"), _("请过十分钟，从短信里再点一次链接。"))
    with transaction.atomic():
        db.execute(_COUNT, [index, since])
    raise NoSuchSurvey(_("这个链接不对，或已经失效。"), _("请从短信里再点一次链接。"))


def locked(token: str) -> Invitation:
    """The same, for answering: whoever answers twice at once takes turns."""
    row = _row(token, lock=True)
    if row is None:
        raise NoSuchSurvey(_("这个链接不对，或已经失效。"), _("请从短信里再点一次链接。"))
    require_open(row)
    return row


def require_open(row: Invitation) -> None:
    if row.state == State.ANSWERED:
        raise SurveyOver(_("这次评价已经提交过了。"), _("谢谢您的评价。"), code="answered")
    if row.state != State.OPEN or row.expires_at <= now():
        raise SurveyOver(_("评价的时间已经过了。"), _("有问题请拨打客服热线。"))


def forget_guesses(moment: datetime) -> None:
    Guess.objects.filter(window__lt=_window(moment)).delete()


# ---- inside --------------------------------------------------------------------------------------


def _row(token: str, *, lock: bool = False) -> Invitation | None:
    if len(token) != LENGTH or not set(token) <= set(SIGNS):
        return None
    rows = Invitation.objects.select_related("rules")
    if lock:
        rows = rows.select_for_update(no_key=True, of=("self",))
    return rows.filter(token_digest=_digest(token)).first()


def _digest(token: str) -> bytes:
    return hashlib.sha256(f"kaitong.survey:{token}".encode()).digest()


def _window(moment: datetime) -> datetime:
    seconds = int(WINDOW.total_seconds())
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, tz=moment.tzinfo)
