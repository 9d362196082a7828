"""Was anything lost, done twice, or left waiting for nobody? Every answer is a sentence."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db.models import Sum

from kaitong.charging.models import Charge, JournalLine
from kaitong.core import db
from kaitong.inventory.models import Assignment, PoolNumber, Resource, Service
from kaitong.ordering.models import Order, Withdrawal
from kaitong.process.definitions import model_of
from kaitong.process.model import NodeKind
from kaitong.process.models import Command, History, Incident, Instance, Token
from kaitong.process.sweeper import check
from tests.chaos.journal import read
from tests.chaos.world import definitions

UNWATCHED = "不会有人来唤醒它。"  # how the sweeper's incidents end
# What the core's records do to the picture of where tokens stand.
COMES, GOES = ("entered", "fired", "listens"), ("left", "joined", "interrupted", "unheard")


def consistent() -> list[str]:
    """What must hold at any moment, also in the middle of the chaos."""
    return [f"sweeper: {problem}" for problem in check()] + mended() + histories()


def mended() -> list[str]:
    """The workers' own sweeper never had anything to do."""
    rows = Incident.objects.filter(message__endswith=UNWATCHED)
    found = [f"nobody watched {row.node} of {row.instance_id}: {row.message}" for row in rows]
    swept = History.objects.filter(kind="swept").values_list("instance_id", "data")
    return found + [f"the sweeper mended {instance_id}: {data}" for instance_id, data in swept]


def judged(folder: Path) -> list[str]:
    """What must hold when everything has come to rest."""
    return [
        *consistent(),
        *clients(folder),
        *at_rest(),
        *outside(folder),
        *ledger(),
        *plant(folder),
        *money(),
    ]


def histories() -> list[str]:
    """Numbered 1..n without gaps, as many as the instance says, and telling where tokens stand."""
    told: dict[UUID, list[tuple[int, str, str, UUID | None]]] = defaultdict(list)
    standing: dict[UUID, dict[UUID, str]] = defaultdict(dict)
    with_snapshot = """select h.instance_id, h.seq, h.kind, h.node, h.token from process_line h
 order by h.instance_id, h.seq"""
    # one moment for all three: people and machines may be at work
    from django.db import connection, transaction

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read")
        for row in db.rows(with_snapshot):
            told[row["instance_id"]].append((row["seq"], row["kind"], row["node"], row["token"]))
        for token in Token.objects.all():
            standing[token.instance_id][token.id] = token.node
        instances = list(Instance.objects.values_list("id", "seq"))
    found = []
    for instance_id, seq in instances:
        lines = told.pop(instance_id, [])
        if [line[0] for line in lines] != list(range(1, seq + 1)):
            found.append(f"history of {instance_id}: {len(lines)} lines, the instance says {seq}")
            continue
        places: dict[UUID | None, str] = {}
        for number, kind, node, name in lines:
            if kind in COMES:
                if name in places:
                    found.append(f"history of {instance_id}: {name} came twice (line {number})")
                places[name] = node
            elif kind in GOES and places.pop(name, None) != node:
                found.append(f"history of {instance_id}: {name} was not at {node} (line {number})")
        if places != standing[instance_id]:
            found.append(f"history of {instance_id} ends at {places}, not {standing[instance_id]}")
    return found + [f"history of nobody: {instance_id}" for instance_id in told]


def clients(folder: Path) -> list[str]:
    """What clients were told is so: each thing exists, and once."""
    found = []
    for path in sorted(folder.glob("*.journal")):
        lines = read(path)
        found += [f"{path.stem}: {line}" for line in lines if line["kind"] == "fault"]
        asked = {line["key"] for line in lines if line["kind"] == "starting"}
        answers: dict[str, set[str]] = defaultdict(set)
        for line in lines:
            if line["kind"] == "started":
                answers[line["key"]].add(line["instance"])
        for key in sorted(asked | set(answers)):
            business = next(
                (
                    line["business"]
                    for line in lines
                    if line.get("key") == key and "business" in line
                ),
                None,
            )
            if len(answers[key]) != 1 or business is None:
                found.append(f"{key} was answered {len(answers[key])} times")
                continue
            there = Instance.objects.filter(business_id=business, parent=None)
            if {str(row.pk) for row in there} != answers[key]:
                found.append(f"{key}: told of {answers[key]}, there is {list(there)}")
        found += orders(lines)
    return found


def orders(lines: list[dict[str, Any]]) -> list[str]:
    """Every order that was asked for under a key is one order."""
    found = []
    answers: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        if line["kind"] == "submitting":
            answers[line["key"]]
        elif line["kind"] == "submitted":
            answers[line["key"]].add(line["order"])
    for key, told in answers.items():
        rows = {
            str(pk)
            for pk in Order.objects.filter(idempotency_key__endswith=key).values_list(
                "pk", flat=True
            )
        }
        if len(told) != 1 or rows != told:
            found.append(f"{key}: told of orders {sorted(told)}, there are {sorted(rows)}")
    return found


def at_rest() -> list[str]:
    """Everything has ended; what has not says why."""
    found = []
    for row in Instance.objects.filter(state="running").select_related("definition"):
        waits = ", ".join(f"{t.wait} at {t.node}" for t in row.tokens.all())
        found.append(f"{row.definition.key} {row.pk} of {row.business_id} still waits: {waits}")
    states = Counter(Order.objects.values_list("state", flat=True))
    ended = {"completed", "cancelled", "failed", "rejected"}
    found += [f"{n} orders are {state}" for state, n in states.items() if state not in ended]
    return found


def outside(folder: Path) -> list[str]:
    """The receiver did one thing for each visit whose outcome was recorded, and none besides."""
    rows = sqlite3.connect(folder / "receiver.sqlite")
    effects = {
        key: (instance, node, token)
        for key, instance, node, token in rows.execute(
            "select key, instance, node, token from effect"
        )
    }
    found = []
    visits = Counter((instance, node) for instance, node, _token in effects.values())
    for place, number in visits.items():
        entered = History.objects.filter(
            instance_id=place[0], node=place[1], kind="entered"
        ).count()
        if number > entered:
            found.append(
                f"outside: {number} effects for {entered} visits of {place[1]}, {place[0]}"
            )
    once = Counter(effects.values())
    found += [f"outside: {n} effects of one visit: {visit}" for visit, n in once.items() if n > 1]
    commands = Command.objects.filter(action__in=WITH_EFFECT)
    known = {row.idempotency_key: row for row in commands}
    found += [f"outside: an effect nobody asked for: {key}" for key in set(effects) - set(known)]
    for key, row in known.items():
        if row.state == "done" and "error" not in (row.result or {}) and key not in effects:
            if row.action == "activation.remove":
                continue  # nothing had been written: there was nothing to remove
            found.append(f"outside: recorded as done, never done: {row} {key}")
    for instance_id, node, count in commands.values_list("instance_id", "node").annotate(
        count=Sum(1)
    ):
        process = model_of(Instance.objects.get(pk=instance_id).definition_id)
        assert process.nodes[node].kind is NodeKind.SERVICE
        entered = History.objects.filter(instance_id=instance_id, node=node, kind="entered").count()
        if count > entered:
            found.append(f"{count} commands for {entered} visits of {node}, {instance_id}")
    return found


WITH_EFFECT = ("chaos.write", "activation.apply", "activation.remove")


def ledger() -> list[str]:
    """What actions wrote within steps stands once for each visit that was left by its outcome."""
    written = Counter(
        (str(row["instance"]), row["node"], str(row["token"]))
        for row in db.rows("select instance, node, token from chaos_ledger")
    )
    found = [f"ledger: {visit} stands {n} times" for visit, n in written.items() if n != 1]
    noting = {
        node.id
        for definition_id in definitions().values()
        for node in model_of(definition_id).nodes.values()
        if node.action == "chaos.note"
    }
    left = Counter(
        (str(i), node, str(token))
        for i, node, token in History.objects.filter(kind="left", node__in=noting).values_list(
            "instance_id", "node", "token"
        )
    )
    by_hand = {
        (str(i), node, str(token))
        for i, node, token in History.objects.filter(kind="done-by-hand").values_list(
            "instance_id", "node", "token"
        )
    }
    for visit in left:
        refused = UUID(visit[2]).int % 16 == 3
        if visit not in written and visit not in by_hand and not refused:
            found.append(f"ledger: {visit} went on without having written")
    found += [f"ledger: {visit} wrote and did not go on" for visit in set(written) - set(left)]
    return found


def plant(folder: Path) -> list[str]:
    """Each port and number is given once; what was withdrawn is free again."""
    found = []
    living = Assignment.objects.exclude(state="released")
    twice = [r for r, n in Counter(living.values_list("resource_id", flat=True)).items() if n > 1]
    found += [f"port {resource} is given twice" for resource in twice]
    states = dict(Resource.objects.values_list("id", "state"))
    for row in living:
        if states[row.resource_id] != row.state:
            found.append(f"port {row.resource_id} is {states[row.resource_id]}, given {row.state}")
    taken = {row.resource_id for row in living}
    for resource_id, state in states.items():
        if state == "pre-empted" and resource_id not in taken:
            found.append(f"port {resource_id} is {state}, given to nobody")
    accounts = [a for a in Service.objects.values_list("account", flat=True) if a]
    found += [f"account {a} is given twice" for a, n in Counter(accounts).items() if n > 1]
    numbers = PoolNumber.objects.values_list("pool_id", "value")
    found += [f"number {v} is given twice" for (_p, v), n in Counter(numbers).items() if n > 1]
    rows = sqlite3.connect(folder / "receiver.sqlite")
    network = dict(rows.execute("select name, state from account"))
    for order in Order.objects.all():
        for service in Service.objects.filter(order_id=order.pk):
            there = network.get(service.account, "absent")
            used = living.filter(service=service).values_list("state", flat=True)
            if order.state == "completed":
                if (service.state, there, list(used)) != ("active", "open", ["in-use"]):
                    found.append(
                        f"completed {order.pk}: {service.state}, network {there}, {list(used)}"
                    )
            elif order.state in ("cancelled", "failed") and (there == "open" or used):
                found.append(f"{order.state} {order.pk}: network {there}, port {list(used)}")
    return found


def money() -> list[str]:
    """Double entry balances; what was withdrawn was paid back whole."""
    found = []
    for row in JournalLine.objects.values("entry").annotate(total=Sum("amount_fen")):
        if row["total"]:
            found.append(f"entry {row['entry']} does not balance: {row['total']}")
    for order_id, n in Counter(Withdrawal.objects.values_list("order_id", flat=True)).items():
        if n > 1:
            found.append(f"order {order_id} was withdrawn {n} times")
        paid = Charge.objects.filter(order_id=order_id, payment__isnull=False)
        order = Order.objects.get(pk=order_id)
        for charge in paid:
            if order.state == "cancelled" and charge.refunded_fen > charge.amount_fen:
                found.append(f"order {order_id}: {charge.refunded_fen} of {charge.amount_fen} back")
    return found


def figures(folder: Path) -> dict[str, Any]:
    """How much happened, so that a quiet run does not pass for a hard one."""
    rows = sqlite3.connect(folder / "receiver.sqlite")
    (arrivals,) = rows.execute("select count(*) from arrival").fetchone()
    (effects,) = rows.execute("select count(*) from effect").fetchone()
    calls = [
        line for path in folder.glob("*.journal") for line in read(path) if line["kind"] == "http"
    ]
    return {
        "http": dict(Counter(f"{line['place']} {line['status']}" for line in calls)),
        "instances": Instance.objects.count(),
        "ended": dict(Counter(Instance.objects.values_list("state", flat=True))),
        "orders": dict(Counter(Order.objects.values_list("state", flat=True))),
        "history": History.objects.count(),
        "kinds": dict(Counter(History.objects.values_list("kind", flat=True))),
        "commands": Command.objects.count(),
        "runs": Command.objects.aggregate(n=Sum("runs"))["n"] or 0,
        "arrivals": arrivals,
        "effects": effects,
    }


def main(folder: Path, report: Path) -> None:
    report.write_text(
        json.dumps({"problems": judged(folder), "figures": figures(folder)}, ensure_ascii=False)
    )
