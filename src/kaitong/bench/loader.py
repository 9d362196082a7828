"""100,000 orders in minutes: real orders, walked by the verbs, copied with new identities.

A few prototypes are walked to every stage. Each copy is every row of a prototype with identifiers,
numbers, accounts, addresses, ports, dates and ciphertexts of its own, brought in by COPY with
triggers off: what refers to what is right because it was right in the prototype. Not copied: the
audit's event tables (pghistory) and counters.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg import sql

from kaitong.bench import walking, world
from kaitong.bench.figures import say
from kaitong.core import crypto
from kaitong.core.clock import frozen, now
from kaitong.core.ids import uuid7
from kaitong.inventory.models import PoolNumber, Service, Terminal
from kaitong.ordering.models import Order
from kaitong.process import partitions
from kaitong.process import queries as process
from kaitong.process import services as process_verbs

# Stage -> share of all orders, and over how many days back its orders lie.
STAGES: Mapping[str, tuple[float, int]] = {
    "completed": (0.910, 700),
    "rejected": (0.020, 700),
    "appoint": (0.020, 3),
    "install": (0.020, 4),
    "accept": (0.015, 4),
    "unproven": (0.007, 4),
    "review": (0.005, 3),
    "incident": (0.003, 4),
}
_BATCH = 2500
COPIED = "xnb"  # how the accounts of copies begin
# Table -> how its rows hang on the prototype: order, party, service or instance.
_TABLES: Mapping[str, str] = {
    "party_party": "id = %(party)s",
    "party_partyphone": "party_id = %(party)s",
    "party_identitydocument": "party_id = %(party)s",
    "ordering_order": "id = %(order)s",
    "ordering_orderitem": "order_id = %(order)s",
    "ordering_ordernote": "order_id = %(order)s",
    "ordering_demand": "order_id = %(order)s",
    "inventory_service": "order_id = %(order)s",
    "inventory_assignment": "order_id = %(order)s",
    "inventory_proof": "service_id = %(service)s",
    "inventory_poolnumber": "service_id = %(service)s",
    "inventory_terminal": "service_id = %(service)s",
    "charging_charge": "order_id = %(order)s",
    "fieldwork_check": "order_id = %(order)s",
    "core_auditentry": "subject_id in (%(order)s, %(service)s, %(party)s)",
    "process_instance": "business_id = %(order)s",
    "process_token": "instance_id = %(instance)s",
    "process_workitem": "instance_id = %(instance)s",
    "process_timer": "instance_id = %(instance)s",
    "process_subscription": "instance_id = %(instance)s",
    "process_command": "instance_id = %(instance)s",
    "process_incident": "instance_id = %(instance)s",
    "process_history": "instance_id = %(instance)s",
}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DATE = re.compile(r"\b20\d\d-[01]\d-[0-3]\d")


@dataclass(frozen=True, slots=True)
class Prototype:
    """A walked order as templates: `str.format` fills in identifiers, dates, and own values."""

    texts: Mapping[str, str]  # table -> its rows in COPY's text form
    ids: tuple[UUID, ...]
    dates: tuple[date, ...]
    service: int  # where in `ids` the service stands, -1 without one
    document: int
    number: str  # plain text of the document's number


def load(orders: int) -> None:
    """Bring so many orders into the seeded branch, each at a room and a port of its own."""
    made = {name: _prototype(name, position) for position, name in enumerate(STAGES)}
    places = _places(orders + len(STAGES))[len(STAGES) :]
    with frozen(now() - timedelta(days=730)):
        partitions.ensure(months_ahead=26)
    _copy(made, _kinds(orders), places)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inventory_resource r SET state = a.state FROM inventory_assignment a"
            " WHERE a.resource_id = r.id AND a.state <> 'released' AND r.state <> a.state"
        )
    connection.close()  # VACUUM stands outside transactions
    say("vacuum and statistics")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    problems = process.check()
    if problems:
        raise AssertionError(f"The loaded processes are not consistent: {problems[:3]}")


# ---- prototypes ----------------------------------------------------------------------------------


def _prototype(name: str, room: int) -> Prototype:
    """Walk one order to its stage and take it to pieces."""
    begun = uuid7()
    line, element = name != "unproven", name != "incident"
    with walking.offline(line=line, element=element):
        walker = walking.Walker(room)
        if name == "rejected":
            with connection.cursor() as cursor:  # nobody can be served at this room
                cursor.execute(
                    "UPDATE places_address SET coverage = 'no-entry' WHERE code = %s",
                    [world.code(0, room)],
                )
        order = walker.submit(read=name != "review")
        wanted = {"appoint": 0, "review": 0, "install": 1, "unproven": 2, "accept": 2}
        if name not in ("review", "rejected", "incident"):
            for _number in range(wanted.get(name, 3)):
                _machines(walker)
                walker.complete(_open_item(order.pk))
        _machines(walker)
        if name == "install":
            item = _open_item(order.pk)
            process_verbs.claim(actor=walker.people["installer"], item_id=item.id)
    return _taken_apart(Order.objects.get(pk=order.pk), begun)


def _machines(walker: walking.Walker) -> None:
    while walker.machines():
        pass


def _open_item(order_id: UUID) -> process.WorkRow:
    return process.open_items_of(walking.SYSTEM, [order_id])[order_id][0]


def _taken_apart(order: Order, begun: UUID) -> Prototype:
    assert order.party is not None
    item = order.items.get()
    known = {
        "order": order.pk,
        "party": order.party_id,
        "service": item.service_id,
        "instance": item.instance_id,
    }
    texts: dict[str, str] = {}
    own: dict[str, None] = {}
    with connection.cursor() as cursor:
        for table, where in _TABLES.items():
            cursor.execute(f"SELECT id::text FROM {table} WHERE {where}", known)
            own.update(dict.fromkeys(row[0] for row in cursor.fetchall()))
            texts[table] = _rows(table, where, known)
    whole = "".join(texts.values())
    # Tokens that moved on stand in work items and history only: what is younger than the walk.
    own.update(dict.fromkeys(i for i in _UUID.findall(whole) if i >= str(begun) and i[14] == "7"))
    ids = list(own)
    place = {text: number for number, text in enumerate(ids)}
    dates = sorted(set(_DATE.findall(whole)))
    replaced = _own_values(order, item)

    def filled(text: str) -> str:
        text = text.replace("{", "{{").replace("}", "}}")
        for value, name in replaced.items():
            text = text.replace(value, f"{{own[{name}]}}")
        text = _UUID.sub(lambda m: f"{{id[{place[m[0]]}]}}" if m[0] in place else m[0], text)
        return _DATE.sub(lambda m: f"{{day[{dates.index(m[0])}]}}", text)

    document = order.party.documents.get()
    return Prototype(
        texts={table: filled(text) for table, text in texts.items() if text},
        ids=tuple(UUID(text) for text in ids),
        dates=tuple(date.fromisoformat(text) for text in dates),
        service=place[str(item.service_id)] if item.service_id else -1,
        document=place[str(document.pk)],
        number=document.number,
    )


def _rows(table: str, where: str, known: Mapping[str, Any]) -> str:
    """The rows of a table in COPY's text form."""
    literal = {key: sql.Literal(value) for key, value in known.items()}
    condition = sql.SQL(re.sub(r"%\((\w+)\)s", r"{\1}", where)).format(**literal)
    statement = (
        sql.SQL("COPY (SELECT {} FROM {} WHERE ").format(_columns(table), sql.Identifier(table))
        + condition
        + sql.SQL(") TO STDOUT")
    )
    connection.ensure_connection()
    with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:
        return b"".join(bytes(block) for block in copy).decode()


def _columns(table: str) -> sql.Composed:
    """The columns of a table but for those that PostgreSQL works out by itself."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
            [table],
        )
        return sql.SQL(", ").join(sql.Identifier(row[0]) for row in cursor.fetchall())


def _own_values(order: Order, item: Any) -> dict[str, str]:
    """Values that must differ from order to order: the prototype's -> the name of its place."""
    assert order.party is not None
    document = order.party.documents.get()
    found: dict[str, str] = {
        str(order.number): "number",
        str(order.party.number): "party",
        order.party.phones.get().digits: "phone",
        document.number_masked: "masked",
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT encode(number, 'hex'), encode(number_index, 'hex')"
            " FROM party_identitydocument WHERE id = %s",
            [document.pk],
        )
        cipher, index = cursor.fetchone()
        found |= {cipher: "document", index: "document_index"}
        if item.address_id:
            found[str(item.address_id)] = "address"
        if item.service_id:
            service = Service.objects.get(pk=item.service_id)
            found |= {service.account: "account", service.logical_id: "logical_id"}
            cursor.execute(
                "SELECT encode(password, 'hex') FROM inventory_service WHERE id = %s", [service.pk]
            )
            found[cursor.fetchone()[0] or ""] = "password"
            assignment = service.assignments.first()
            if assignment is not None:
                found[str(assignment.resource_id)] = "port"
            for terminal in Terminal.objects.filter(service=service):
                found[terminal.serial] = "serial"
            assert PoolNumber.objects.filter(service=service).count() in (0, 2)
    found.pop("", None)
    return found


# ---- copies --------------------------------------------------------------------------------------


def _kinds(orders: int) -> Iterator[str]:
    """The stage of each order, spread evenly; every stage at least once."""
    missing = {name: share * orders for name, (share, _days) in STAGES.items()}
    given = dict.fromkeys(STAGES, 0)
    for number in range(orders):
        name = max(STAGES, key=lambda k: missing[k] * (number + 1) / orders - given[k])
        given[name] += 1
        yield name


def _places(most: int) -> list[tuple[str, str]]:
    """Rooms and the ports behind their boxes, one for each order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id::text FROM places_address WHERE code LIKE 'B%%' ORDER BY code LIMIT %s",
            [most],
        )
        rooms = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "SELECT p.id::text FROM inventory_resource b JOIN inventory_coverage c"
            " ON c.box_id = b.id JOIN places_address a ON a.id = c.address_id"
            " JOIN inventory_resource p ON p.parent_id = b.id"
            " AND p.position = right(a.code, 2)::int + 1 ORDER BY a.code LIMIT %s",
            [most],
        )
        ports = [row[0] for row in cursor.fetchall()]
    if len(rooms) < most or len(ports) < most:
        raise AssertionError(f"{most} orders need as many rooms and ports; lay more plant.")
    return list(zip(rooms, ports, strict=True))


def _copy(
    made: Mapping[str, Prototype], kinds: Iterator[str], places: list[tuple[str, str]]
) -> None:
    connection.ensure_connection()
    raw = connection.connection
    raw.execute("SET session_replication_role = replica")
    buffers: dict[str, list[str]] = {table: [] for table in _TABLES}
    for number, ((room, port), kind) in enumerate(zip(places, kinds, strict=False), start=1):
        prototype = made[kind]
        values = _values(prototype, number, room, port, _age(kind, number))
        for table, text in prototype.texts.items():
            buffers[table].append(text.format(**values))
        if number % _BATCH == 0 or number == len(places):
            _write(raw, buffers)
            say(f"{number:,} of {len(places):,} orders")
    raw.execute("SET session_replication_role = DEFAULT")


def _age(kind: str, number: int) -> int:
    """How many days ago; the same for the same number."""
    return number * 7919 % max(STAGES[kind][1], 1)


def _write(raw: Any, buffers: dict[str, list[str]]) -> None:
    with raw.transaction(), raw.cursor() as cursor:
        for table, rows in buffers.items():
            if rows:
                statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
                    sql.Identifier(table), _columns(table)
                )
                with cursor.copy(statement) as copy:
                    copy.write("".join(rows))
                rows.clear()


def _values(prototype: Prototype, number: int, room: str, port: str, days: int) -> dict[str, Any]:
    back = days * 86_400_000
    chance = os.urandom(8).hex()
    ids = [_shifted(old, back, chance, n) for n, old in enumerate(prototype.ids)]
    gone = timedelta(days=days)
    first = prototype.dates[0] - gone
    document, service = ids[prototype.document], ids[prototype.service]
    own = {
        "number": f"XN-{first:%y%m%d}-B{number:06d}",
        "party": f"XNB{number:08d}",
        "phone": f"135{number:08d}",
        "masked": prototype.number[:6] + "********" + f"{number % 10000:04d}",
        "document": crypto.seal("party.document", document, prototype.number.encode()).hex(),
        "document_index": crypto.blind_index("party.document", f"bench:{number}").hex(),
        "address": room,
        "port": port,
        "account": f"{COPIED}0559{number:07d}@kd",
        "logical_id": f"O0559B{number:010d}",
        "serial": f"BNCH{number:08X}",
        "password": crypto.seal("inventory.service.password", service, b"bench-pw").hex()
        if prototype.service >= 0
        else "",
    }
    return {"id": ids, "day": [(d - gone).isoformat() for d in prototype.dates], "own": own}


def _shifted(old: UUID, back: int, chance: str, position: int) -> str:
    """The same identifier so many milliseconds earlier, of another order."""
    text = f"{(old.int >> 80) - back:012x}"
    tail = f"{int(chance, 16) + position & 0xFFFFFFFFFFFFFFF:015x}"
    rest = str(old)
    return f"{text[:8]}-{text[8:]}-{rest[14:18]}-{rest[19]}{tail[:3]}-{tail[3:]}"
