"""Online payment behind one small interface (线上支付渠道).

A request is a row; `ask` tells the channel outside any transaction. The channel tells of payments
by signed callbacks: HMAC-SHA256 over time, identifier and body under a shared secret. Believed is
only what is truly signed, of these minutes, about a request of ours, in its sum and currency; each
identifier once. A callback that never came is found by comparing the channel's signed statement.

The protocol is ours and small; a channel of another make gets an adapter with `ask` and
`statement`, and translates its callbacks into `Told`.
"""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from kaitong.charging.accounts import account_of, deposit, require_till
from kaitong.charging.choices import Method, RequestState, Verdict
from kaitong.charging.days import start_of
from kaitong.charging.errors import (
    ChannelAway,
    ChargingConflict,
    ChargingForbidden,
    ChargingNotFound,
    ChargingRefused,
)
from kaitong.charging.models import (
    ChannelDay,
    PayCallback,
    PayChannel,
    Payment,
    PayRequest,
)
from kaitong.charging.policies import MOST, every_rules
from kaitong.charging.signing import CALLBACK_ID, signed, verified
from kaitong.core import clock, wording
from kaitong.core.ids import uuid7
from kaitong.core.locks import lock_row
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to

TIMEOUT = 5.0
LARGEST = 16 * 1024


# ---- the interface -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """The channel waits for the customer: its reference, and where he pays."""

    reference: str
    pay_url: str


@dataclass(frozen=True, slots=True)
class Line:
    """A payment as the channel's statement (对账单) has it."""

    number: str
    reference: str
    amount_fen: int
    currency: str


class Channel(Protocol):
    """What speaks to a channel. Both may be called again; the same request is opened once."""

    def ask(self, request: PayRequest) -> Opened: ...

    def statement(self, day: date) -> Sequence[Line]: ...


class SignedChannel:
    """A channel behind an address and a shared secret."""

    def __init__(self, channel: PayChannel, timeout: float = TIMEOUT) -> None:
        self.url, self.secret, self.timeout = channel.url.rstrip("/"), channel.secret, timeout
        self.notify_url = channel.notify_url

    def ask(self, request: PayRequest) -> Opened:
        said = self._post(
            "/payments",
            {
                "number": request.number,
                "amount_fen": request.amount_fen,
                "currency": request.currency,
                "notify_url": self.notify_url,
            },
        )
        try:
            url = str(said["pay_url"])[:300]
            if not url.startswith(("http://", "https://")):
                raise ValueError
            return Opened(str(said["reference"])[:80], url)
        except (KeyError, ValueError):
            raise ChannelAway(_("支付渠道的应答不完整。")) from None

    def statement(self, day: date) -> list[Line]:
        said = self._post("/statement", {"day": f"{day:%Y-%m-%d}"})
        try:
            return [
                Line(
                    str(row["number"]),
                    str(row["reference"])[:80],
                    int(row["amount_fen"]),
                    str(row["currency"]),
                )
                for row in said["payments"]
            ]
        except (KeyError, ValueError, TypeError):
            raise ChannelAway(_("支付渠道的对账单不完整。")) from None

    def _post(self, path: str, content: dict[str, Any]) -> Mapping[str, Any]:
        body = json.dumps(content, ensure_ascii=False, sort_keys=True).encode()
        headers = signed(self.secret, body)
        request = urllib.request.Request(  # noqa: S310 - register_channel lets in http only
            f"{self.url}{path}", data=body, headers=headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:  # noqa: S310
                data = answer.read(4 * 1024 * 1024)
                if verified(self.secret, answer.headers, data) != headers[CALLBACK_ID]:
                    raise ChannelAway(_("支付渠道的应答签名不符，没有采信。"))
                said = json.loads(data)
        except urllib.error.HTTPError as error:
            raise ChannelAway(_("支付渠道拒绝（%(code)s）。") % {"code": error.code}) from None
        except (urllib.error.URLError, TimeoutError, ConnectionError, OSError) as error:
            why = type(getattr(error, "reason", error)).__name__
            raise ChannelAway(_("支付渠道没有应答（%(why)s）。") % {"why": why}) from None
        except ValueError:
            raise ChannelAway(_("支付渠道的应答不是 JSON。")) from None
        return said if isinstance(said, dict) else {}


# ---- verbs ---------------------------------------------------------------------------------------


@transaction.atomic
def register_channel(
    *,
    key: str,
    branch_id: UUID,
    title: str,
    url: str,
    notify_url: str,
    secret: str,
    is_test: bool = False,
) -> PayChannel:
    """Make a channel known, or bring its row up to date; safe to call again."""
    if not url.startswith(("http://", "https://")):
        raise ChargingRefused(_("支付渠道的地址应以 http 开头。"), field="url")
    row = PayChannel.objects.select_for_update().filter(key=key).first() or PayChannel(key=key)
    row.branch_id, row.title, row.url, row.notify_url = branch_id, title, url, notify_url
    row.is_test, row.in_service, row.secret = is_test, True, secret
    row.save()
    return row


def channel_for(branch_id: UUID) -> PayChannel | None:
    """The channel that serves a branch: its own, else the nearest above it."""
    above = org.branches_above(branch_id)
    rows = PayChannel.objects.filter(in_service=True, branch__in=above)
    return min(rows, key=lambda row: above.index(row.branch_id), default=None)


def begin(*, actor: Actor, customer_id: UUID, amount_fen: int, key: str) -> PayRequest:
    """An online payment for a customer's account: the row; `ask` then tells the channel."""
    require_till(actor)
    most = max((rule.payment_most for rule in every_rules().values()), default=MOST)
    if not 0 < amount_fen <= most:
        raise ChargingRefused(
            _("金额应在 0.01 元到 %(most)s 元之间。") % {"most": most // 100},
            _("请核对金额。"),
            field="amount",
        )
    account = account_of(actor=actor, customer_id=customer_id)
    channel = channel_for(account.branch_id)
    if channel is None:
        raise ChargingRefused(_("本分公司没有接入支付渠道。"), _("请联系管理员接入。"))
    row, _made = PayRequest.objects.get_or_create(
        account=account,
        key=key[:80],
        defaults={
            "branch_id": account.branch_id,
            "channel": channel,
            "number": f"KT{uuid7().hex}",
            "amount_fen": amount_fen,
            "currency": channel.currency,
            "asked_by": actor.id,
        },
    )
    if row.amount_fen != amount_fen:
        raise ChargingConflict(_("这次操作已按另一金额办理。"), _("请刷新页面。"))
    return row


def ask(request_id: UUID, *, speak: type[SignedChannel] = SignedChannel) -> PayRequest:
    """Tell the channel of a request. Outside any transaction; again, and after a kill, the channel
    answers the same. Without an answer the reason stands on the row."""
    row = PayRequest.objects.select_related("channel").get(pk=request_id)
    if row.state != RequestState.ASKED:
        return row
    error, opened = "", None
    try:
        with wording.stored():
            opened = speak(row.channel).ask(row)
    except ChannelAway as away:
        error = str(away.what)
    with transaction.atomic():
        fresh = lock_row(PayRequest.objects.all(), request_id)
        assert fresh is not None
        if fresh.state == RequestState.ASKED:
            fresh.error = error[:300]
            if opened is not None:
                fresh.state, fresh.reference = RequestState.OPEN, opened.reference
                fresh.pay_url = opened.pay_url
            fresh.save(update_fields=["error", "state", "reference", "pay_url"])
    return fresh


@dataclass(frozen=True, slots=True)
class Answer:
    """What a callback hears: an HTTP status and a word."""

    status: int
    verdict: str
    payment: Payment | None = None


def accept(*, key: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """A channel's message (支付通知): credited once, refused when anything about it is not right.

    Not signed, too old or of an unknown channel: 401, and nothing is written. Told again: the same
    answer. Its identifier with another content: 409.
    """
    channel = PayChannel.objects.filter(key=key, in_service=True).first()
    if channel is None or len(body) > LARGEST:
        return Answer(401, "unsigned")
    identifier = verified(str(channel.secret), headers, body)
    if not identifier:
        return Answer(401, "unsigned")
    digest = hashlib.sha256(body).digest()
    with transaction.atomic():
        try:
            with transaction.atomic():  # whoever brings it at this instant waits here
                row = PayCallback.objects.create(
                    channel=channel,
                    callback_id=identifier,
                    digest=digest,
                    verdict=Verdict.UNREADABLE,
                )
        except IntegrityError:
            known = PayCallback.objects.get(channel=channel, callback_id=identifier)
            if bytes(known.digest) != digest:
                return Answer(409, "replayed")
            return _said(Verdict(known.verdict), None)
        verdict, request, payment = _take(channel, body)
        row.verdict, row.request = verdict, request
        row.save(update_fields=["verdict", "request"])
    return _said(verdict, payment)


def reconcile(
    *,
    actor: Actor,
    channel_key: str,
    day: date,
    credit: bool = False,
    speak: type[SignedChannel] = SignedChannel,
) -> ChannelDay:
    """Compare a day of a channel with ours (对账); what differs is kept and told.

    `credit`: what the signed statement has and a callback never told is credited now, by the same
    key as its callback would be: never twice.
    """
    if not actor.is_supervisor:
        raise ChargingForbidden(_("对账由班长办理。"), _("请由班长办理。"))
    channel = visible_to(PayChannel.objects.all(), actor).filter(key=channel_key).first()
    if channel is None:
        raise ChargingNotFound(_("没有这个支付渠道。"), _("请核对编号和所在分公司。"))
    told = speak(channel).statement(day)
    if credit:
        for line in {line.number: line for line in told}.values():
            with transaction.atomic():
                _credit(channel, line)
    lines: dict[str, Line] = {}
    for line in told:  # paid twice is another sum than asked for: people have to see it
        before = lines.get(line.number)
        twice = line.amount_fen + (before.amount_fen if before else 0)
        lines[line.number] = replace(line, amount_fen=twice)
    ours = {
        row.number: row
        for row in PayRequest.objects.filter(
            channel=channel,
            state=RequestState.PAID,
            paid_at__gte=start_of(day),
            paid_at__lt=start_of(day + timedelta(days=1)),
        )
    }
    known = {
        row.number: row
        for row in PayRequest.objects.filter(channel=channel, number__in=lines.keys())
    }
    differences, matched, fen = _compare(lines, ours, known)
    made, _new = ChannelDay.objects.update_or_create(
        channel=channel,
        day=day,
        defaults={
            "matched": matched,
            "matched_fen": fen,
            "differences": differences,
            "compared_at": clock.now(),
        },
    )
    return made


# ---- inside --------------------------------------------------------------------------------------


def _take(channel: PayChannel, body: bytes) -> tuple[Verdict, PayRequest | None, Payment | None]:
    try:
        said = json.loads(body)
        line = Line(
            str(said["number"]),
            str(said["reference"])[:80],
            said["amount_fen"],
            str(said["currency"]),
        )
        status = said["status"]
        if type(line.amount_fen) is not int or status not in ("paid", "failed"):
            raise ValueError
        if "\0" in line.number + line.reference:
            raise ValueError  # no text of the database's
    except (ValueError, KeyError, TypeError, RecursionError):
        return Verdict.UNREADABLE, None, None
    if status == "failed":
        request = _request(channel, line.number)
        if request is None:
            return Verdict.UNKNOWN, None, None
        if request.state in (RequestState.ASKED, RequestState.OPEN):
            request.state = RequestState.FAILED
            request.save(update_fields=["state"])
        return Verdict.NOT_PAID, request, None
    return _credit(channel, line)


def _credit(channel: PayChannel, line: Line) -> tuple[Verdict, PayRequest | None, Payment | None]:
    """Money truly paid, into the account, once; also for a request that was given up here."""
    request = _request(channel, line.number)
    if request is None:
        return Verdict.UNKNOWN, None, None
    if (request.amount_fen, request.currency) != (line.amount_fen, line.currency):
        return Verdict.MISMATCH, request, None
    if request.state == RequestState.PAID:
        return Verdict.KNOWN, request, request.payment
    payment = deposit(
        actor=Actor.system(branch_id=request.branch_id),
        account_id=request.account_id,
        method=Method.ONLINE,
        amount_fen=request.amount_fen,
        key=f"online:{request.number}",
        reference=line.reference,
    )
    request.state, request.payment = RequestState.PAID, payment
    request.reference, request.paid_at = line.reference, payment.paid_at
    request.save(update_fields=["state", "payment", "reference", "paid_at"])
    return Verdict.CREDITED, request, payment


def _request(channel: PayChannel, number: str) -> PayRequest | None:
    """A request, locked behind its account as every payment is."""
    found = PayRequest.objects.filter(channel=channel, number=number).first()
    if found is None:
        return None
    lock_row(type(found.account).objects.all(), found.account_id)
    return lock_row(PayRequest.objects.all(), found.pk)


def _said(verdict: Verdict, payment: Payment | None) -> Answer:
    good = verdict in (Verdict.CREDITED, Verdict.KNOWN, Verdict.NOT_PAID)
    return Answer(200 if good else 422, verdict.value, payment)


def _compare(
    lines: Mapping[str, Line], ours: Mapping[str, PayRequest], known: Mapping[str, PayRequest]
) -> tuple[list[dict[str, Any]], int, int]:
    """Differences by request, and what agrees: how many, how much."""
    found: list[dict[str, Any]] = []
    matched = fen = 0
    for number, line in sorted(lines.items()):
        row = known.get(number)
        theirs = {"number": number, "theirs_fen": line.amount_fen}
        if row is None:
            found.append({**theirs, "what": "unknown", "ours_fen": 0})
        elif (row.amount_fen, row.currency) != (line.amount_fen, line.currency):
            found.append({**theirs, "what": "amount", "ours_fen": row.amount_fen})
        elif row.state != RequestState.PAID:
            found.append({**theirs, "what": "missing", "ours_fen": 0})
        else:
            matched, fen = matched + 1, fen + row.amount_fen
    for number, row in sorted(ours.items()):
        if number not in lines:
            found.append(
                {"number": number, "what": "extra", "ours_fen": row.amount_fen, "theirs_fen": 0}
            )
    return found, matched, fen
