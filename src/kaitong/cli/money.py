"""Commands of money: billing runs, what customers owe, payments, a clerk's day, the books."""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from uuid import uuid4

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.charging import books, cards, channels, closing
from kaitong.charging import queries as charging
from kaitong.charging.billing import last_month
from kaitong.charging.cards import CardRow
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault, NotFound
from kaitong.inventory import queries as inventory
from kaitong.ordering import rents, till
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.web.pages.money import read_yuan


def _today() -> date:
    return timezone.localdate(now())


def _month(text: str) -> date:
    if not text:
        return last_month()
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise BadInput(
            [InputFault("--month", f"{text!r} is no month.", "Write 2026-11.")]
        ) from None


def _day(text: str) -> date:
    if not text:
        return _today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput([InputFault("--day", f"{text!r} is no day.", "Write 2026-11-25.")]) from None


def _customer(actor: Actor, text: str) -> parties.Summary:
    """The one customer that a number, phone, document or account names."""
    service = inventory.service_by_account(actor, text)
    if service is not None and service.customer_id is not None:
        return parties.summary(actor, service.customer_id)
    found = parties.find(actor, text, limit=2)
    if len(found) != 1:
        what = _("没有这位客户。") if not found else _("不止一位客户符合。")
        raise NotFound(what, _("请用客户编号、手机号或业务号码。"))
    return found[0]


def billing_run(asked: argparse.Namespace) -> None:
    """Bill up to a month; again, and after a kill, it goes on with what is wanting."""
    actor = org.actor_of(asked.user) if asked.user else Actor.system()
    caught, did = rents.bill(actor=actor, month=_month(asked.month), batch=asked.batch)
    if asked.json:
        print(json.dumps({"caught_up": asdict(caught), "billed": asdict(did)}))
        return
    print(
        f"rents begun {caught.begun}, ended {caught.ended}, moved {caught.moved};"
        f" services without a rent {caught.unpaid}"
    )
    print(f"services {did.services}, lines {did.lines}, {charging.yuan(did.total_fen)}")


def billing_runs(asked: argparse.Namespace) -> None:
    for row in charging.runs(Actor.system()):
        end = f"{row.finished_at:%Y-%m-%d %H:%M}" if row.finished_at else "not finished"
        print(
            f"{row.month:%Y-%m}  {row.services:>7} services  {row.lines:>7} lines"
            f"  {charging.yuan(row.total_fen):>16}  {end}"
        )


def arrears(asked: argparse.Namespace) -> None:
    """Who owes past the due day, and which services dunning has reached."""
    actor = org.actor_of(asked.user) if asked.user else Actor.system()
    rows = charging.owing(actor)
    people = parties.summaries(row["customer_id"] for row in rows)
    due = charging.suspension_due(actor.branch_id, _today()) if actor.branch_id else []
    if asked.json:
        told = [
            {
                "customer": people[row["customer_id"]].number,
                "overdue_fen": row["overdue"],
                "oldest_due": str(row["oldest"]),
            }
            for row in rows
            if row["customer_id"] in people
        ]
        print(json.dumps({"owing": told, "to_suspend": [str(one.service_id) for one in due]}))
        return
    for row in rows:
        person = people.get(row["customer_id"])
        if person is not None:
            print(
                f"{person.number}  {person.name}  {charging.yuan(row['overdue'])}  {row['oldest']}"
            )
    print(f"{len(rows)} customers; {len(due)} services to suspend")


def account(asked: argparse.Namespace) -> None:
    actor = org.actor_of(asked.user)
    person = _customer(actor, asked.customer)
    money = charging.account_money(actor, person.id)
    if asked.json:
        print(
            json.dumps(
                {
                    "customer": person.number,
                    "balance_fen": money.owed.balance_fen,
                    "open_fen": money.owed.open_fen,
                    "overdue_fen": money.owed.overdue_fen,
                    "unbilled_fen": money.owed.unbilled_fen,
                    "bills": [
                        {
                            "month": f"{b.month:%Y-%m}",
                            "total_fen": b.total_fen,
                            "open_fen": b.open_fen,
                        }
                        for b in money.bills
                    ],
                }
            )
        )
        return
    print(f"{person.number}  {person.name}  {_('余额')} {charging.yuan(money.owed.balance_fen)}")
    for bill in money.bills:
        print(
            f"{bill.month:%Y-%m}  {charging.yuan(bill.total_fen)}  {charging.yuan(bill.open_fen)}"
        )


def pay(asked: argparse.Namespace) -> None:
    """Take money at the counter; `--key` makes a repetition harmless."""
    actor = org.actor_of(asked.user)
    person = _customer(actor, asked.customer)
    taken = till.receive(
        actor=actor,
        customer_id=person.id,
        method=asked.method,
        amount_fen=read_yuan(asked.amount),
        key=asked.key or str(uuid4()),
        reference=asked.reference,
    )
    print(taken.payment.pk, taken.voucher.number if taken.voucher else "")


def close(asked: argparse.Namespace) -> None:
    """Close one's own day, or show it without `--counted`."""
    actor = org.actor_of(asked.user)
    assert actor.id is not None
    day = _day(asked.day)
    if asked.counted:
        closing.close_day(
            actor=actor,
            day=day,
            counted_fen=read_yuan(asked.counted, signed=True),
            reason=asked.reason,
        )
    shown = closing.day_of(actor, actor.id, day)
    for row in shown.rows:
        print(f"{row.method}  {charging.yuan(row.net_fen)}  {row.taken} + {row.back}")
    state = shown.closing.get_state_display() if shown.closing else _("未日结")
    print(f"{day}  {charging.yuan(shown.cash_fen)}  {state}")


def books_check(asked: argparse.Namespace) -> int:
    """Do the books balance?"""
    problems = books.check()
    balances = books.trial_balance()
    if asked.json:
        print(json.dumps({"problems": problems, "balances": balances}))
        return 1 if problems else 0
    for key, fen in balances.items():
        print(f"{key:<12} {charging.yuan(fen):>18}")
    print(f"{'':<12} {charging.yuan(sum(balances.values())):>18}")
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


def cards_in(asked: argparse.Namespace) -> None:
    """Bring recharge cards into stock from a CSV: serial,secret,yuan,expires. All or none."""
    actor = org.actor_of(asked.user)
    rows = []
    text = Path(asked.file).read_text(encoding="utf-8-sig")
    for number, line in enumerate(csv.reader(text.splitlines()), start=1):
        if number == 1 or not any(line):
            continue
        try:
            serial, secret, yuan, until = (part.strip() for part in line)
            rows.append(CardRow(serial, secret, read_yuan(yuan), date.fromisoformat(until)))
        except ValueError:
            fault = InputFault(
                f"line {number}", "not serial,secret,yuan,YYYY-MM-DD.", "Correct it."
            )
            raise BadInput([fault]) from None
    put = cards.import_cards(actor=actor, batch=asked.batch, rows=rows)
    print(
        f"{put.added} cards brought in, {put.same} were there. Destroy the file: it holds secrets."
    )


def card(asked: argparse.Namespace) -> None:
    """A card's state, or unlock it, or take it out of use."""
    actor = org.actor_of(asked.user)
    if asked.unlock:
        cards.unlock_card(actor=actor, serial=asked.serial)
    if asked.void:
        cards.void_card(actor=actor, serial=asked.serial, reason=asked.void)
    row = cards.card(actor, asked.serial)
    state = row.get_state_display()
    print(f"{row.serial}  {charging.yuan(row.amount_fen)}  {row.expires_on}  {state}")


def reconcile(asked: argparse.Namespace) -> int:
    """Compare a day of a channel with ours; 1 where they differ."""
    actor = org.actor_of(asked.user)
    found = channels.reconcile(
        actor=actor, channel_key=asked.channel, day=_day(asked.day), credit=asked.credit
    )
    print(f"{found.day}  {found.matched} agree, {charging.yuan(found.matched_fen)}")
    for row in found.differences:
        print(f"{row['what']:<8} {row['number']}  {row['theirs_fen']} / {row['ours_fen']} fen")
    return 1 if found.differences else 0
