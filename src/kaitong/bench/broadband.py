"""`broadband`: changes of lines in use a second, pages beside them, accounts a second at the AAA.

100,000 live accounts, all of them in FreeRADIUS, brought there by the adapter in batches. Workers
then suspend, resume, change data and passwords, each change as the counter does it: the customer
proven, the order taken in, the network told and asked, the receipt issued. FreeRADIUS's own
limit is plain inserts of the same accounts, a commit each, measured in the same run. Beside it
stands what the network alone takes of the same changes: nobody's orders can be quicker.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from kaitong.activation import acting, operating
from kaitong.activation import queries as activation
from kaitong.activation.adapters.aaadb import aaa_database
from kaitong.activation.adapters.base import AccountChange
from kaitong.activation.choices import ElementKind
from kaitong.activation.models import NetworkElement
from kaitong.activation.records import For
from kaitong.activation.services import secrets_of
from kaitong.bench import loader, pages
from kaitong.bench.changer import ROUND
from kaitong.bench.commits import BenchError
from kaitong.bench.figures import Figure, median, percentile, say
from kaitong.bench.orders import hear, radius
from kaitong.bench.pages import Page
from kaitong.bench.place import Place, child
from kaitong.core import crypto
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory.models import Service
from kaitong.inventory.results import ServiceView
from kaitong.ordering import services as ordering
from kaitong.ordering.authenticating import limits_of
from kaitong.ordering.models import Order, Procedure
from kaitong.org.actor import Actor
from kaitong.org.models import Branch
from kaitong.party.models import DOCUMENT_PURPOSE, IdentityDocument
from kaitong.playbooks import changing

LIMIT_MS = 150.0
BATCH_SHARE, ORDER_SHARE = 0.60, 0.15
COMPARE_SECONDS, COMPARE_MEGABYTES = 60.0, 100.0
PLAIN = 500  # accounts inserted plainly
LINES_A_WORKER = 40
SYSTEM = Actor.system()
PASSWORD = "bench-pw"  # noqa: S105  what the loader gives every line


@dataclass(frozen=True, slots=True)
class Size:
    orders: int = 110_000  # of them nine in ten are lines in use
    workers: int = 4
    seconds: float = 15.0
    rounds: int = 2
    clients: int = 4
    requests: int = 12
    page_rounds: int = 2


SMALL = Size(orders=40, workers=1, seconds=2.0, rounds=1, clients=2, requests=2, page_rounds=1)


def run(place: Place, size: Size) -> list[Figure]:
    """All figures of `broadband`."""
    with (
        place.database("bench_broadband", pages.loaded(place, size.orders)),
        radius() as lacking,
    ):
        if place.borrowed:
            loader.load(size.orders)
        if lacking:
            say(f"no figures: {lacking}")
            return []
        figures = _provisioning()
        plain = figures[0].value
        figures += _changes(size, plain)
        figures += _compared()
        figures += _pages(size)
    return figures


# ---- accounts at the AAA server ------------------------------------------------------------------


def _provisioning() -> list[Figure]:
    county = Branch.objects.get(code="XN")
    element = activation.element_for(ElementKind.AAA, county.pk)
    plain = _plain(element)
    # those still being built are known to the network, too
    rows = Service.objects.filter(state__in=("active", "inactive")).exclude(account="")
    ids = {account: pk for pk, account in rows.order_by("pk").values_list("pk", "account")}
    say(f"{len(ids):,} accounts into FreeRADIUS")

    def desired(names: Sequence[str]) -> list[AccountChange]:
        views = inventory.services_by_ids([ids[name] for name in names])
        return [acting.desired_account(view, element, _password(view)) for view in views]

    begun = time.monotonic()
    what = For(county.pk, None, None, f"bench {uuid7()}")
    operating.bring_many(element, list(ids), desired, what)
    took = time.monotonic() - begun
    rate = len(ids) / took
    return [
        Figure("broadband: accounts, plain inserts", plain, "accounts/s", note=f"{PLAIN} accounts"),
        Figure("broadband: live accounts", len(ids), "accounts"),
        Figure("broadband: accounts by the adapter in batches", rate, "accounts/s"),
        Figure("broadband: batches over plain inserts", rate / plain, "", ">=", BATCH_SHARE),
    ]


def _password(line: ServiceView) -> str:
    """The loader's copies have one password; the orders that were walked have their own."""
    copied = line.account.startswith(loader.COPIED)
    return PASSWORD if copied else acting.password_of(line, "benchmark")


def _plain(element: NetworkElement) -> float:
    """Accounts a second by plain inserts: the rows of an account, each a commit of its own."""
    names = [f"plain-{n:05d}" for n in range(PLAIN)]
    begun = time.monotonic()
    place, secret = element.connection["database"], secrets_of(element)["database"]
    with aaa_database(place, secret) as database:
        for name in names:
            database.execute(
                "INSERT INTO radcheck (username, attribute, op, value)"
                " VALUES (%s, 'Cleartext-Password', ':=', %s)",
                [name, PASSWORD],
            )
            database.execute(
                "INSERT INTO radusergroup (username, groupname, priority) VALUES (%s, %s, 10)",
                [name, "home-broadband-300-50"],
            )
        took = time.monotonic() - begun
        for table in ("radcheck", "radusergroup"):
            database.execute(f"DELETE FROM {table} WHERE username LIKE 'plain-%'".encode())
    return PLAIN / took


# ---- changes -------------------------------------------------------------------------------------


def _changes(size: Size, plain: float) -> list[Figure]:
    _name_documents(size.workers * LINES_A_WORKER)
    with _team("talker", size.workers) as team:
        talked = _rounds(team, size, "talk", "the network alone")
    with _team("changer", size.workers) as team:
        made = _rounds(team, size, "change", "changes")
        _tell(team, {"do": "finish"})
        for worker in team:
            hear(worker)
    rate, most = median(made.rates), median(talked.rates)
    kinds = ", ".join(kinds_of())
    note = f"{kinds}; {made.done} changes by {size.workers} workers"
    alone = "what the network takes of them, its rows and logins; nothing of Kaitong's"
    found = [
        Figure("broadband: changes of lines", rate, "orders/s", note=note),
        Figure("broadband: changes over plain inserts", rate / plain, "", ">=", ORDER_SHARE),
        Figure("broadband: the network alone", most, "changes/s", note=alone),
        Figure("broadband: the network alone over plain inserts", most / plain, ""),
        Figure("broadband: changes over the network alone", rate / most, ""),
    ]
    if made.done:
        found.append(Figure("broadband: CPU a change", made.cpu / made.done * 1000, "ms"))
        found.append(Figure("broadband: change, p95", percentile(made.seconds, 0.95), "s"))
    return found


@dataclass(slots=True)
class _Made:
    """What a team did in its rounds."""

    rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpu: float = 0.0
    done: int = 0


@contextmanager
def _team(module: str, workers: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Workers that have read their own lines; they end with the block."""
    say(f"starting {workers} workers")
    team = [
        child(
            f"kaitong.bench.{module}",
            "--first",
            str(n * LINES_A_WORKER),
            "--lines",
            str(LINES_A_WORKER),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for n in range(workers)
    ]
    try:
        for worker in team:
            hear(worker)
        yield team
    finally:
        for worker in team:
            assert worker.stdin is not None
            worker.stdin.close()
        for worker in team:
            try:
                worker.wait(timeout=15)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _rounds(team: Sequence[subprocess.Popen[str]], size: Size, do: str, what: str) -> _Made:
    """The team at work, round by round; the first of several warms up."""
    made = _Made()
    for number in range(size.rounds + 1):
        _tell(team, {"do": do, "seconds": size.seconds})
        answers = [hear(worker) for worker in team]
        if number == 0 and size.rounds > 1:
            continue
        made.rates.append(sum(a["orders"] / a["took"] for a in answers))
        made.seconds += [s for a in answers for s in a["seconds"]]
        made.cpu += sum(a["cpu"] for a in answers)
        made.done += sum(a["orders"] for a in answers)
        say(f"{what}, round {number}: {made.rates[-1]:.1f} a second")
    return made


def _tell(team: Sequence[subprocess.Popen[str]], order: dict[str, Any]) -> None:
    for worker in team:
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(order) + "\n")
        worker.stdin.flush()


def round_of() -> list[tuple[str, dict[str, Any]]]:
    """The changes of a round that the deployed playbook has, with their answers."""
    known = set(Procedure.objects.filter(retired_at=None).values_list("key", flat=True))
    return [(key, answers) for key, answers in ROUND if key in known]


def kinds_of() -> list[str]:
    """The procedures of a round, each once."""
    return list(dict.fromkeys(key for key, _answers in round_of()))


def lines(first: int, most: int) -> Iterator[tuple[ServiceView, str]]:
    """Lines in use of a worker, each with the number of its holder's document."""
    for number, pk in enumerate(_line_ids(first + most)[first:], start=first):
        yield inventory.service(SYSTEM, pk), _document(number)


def _line_ids(most: int) -> list[UUID]:
    rows = Service.objects.filter(state="active").order_by("pk").values_list("pk", flat=True)
    return list(rows[:most])


def _document(number: int) -> str:
    return f"BENCH{number:09d}"


def _name_documents(most: int) -> None:
    """The loader's copies all bear one document; those of the lines to be changed get their own."""
    for number, pk in enumerate(_line_ids(most)):
        customer = Service.objects.values_list("customer_id", flat=True).get(pk=pk)
        assert customer is not None
        document = IdentityDocument.objects.filter(party_id=customer)[0]
        index = crypto.blind_index(DOCUMENT_PURPOSE, f"{document.family}:{_document(number)}")
        IdentityDocument.objects.filter(pk=document.pk).update(number_index=index)


def ask(
    clerk: Actor, service: ServiceView, what: str, document: str, answers: Mapping[str, Any]
) -> Order:
    """One change as the counter asks for it; `answers` stand instead of the form's example."""
    procedure = Procedure.objects.get(key=what, playbook="home-broadband", retired_at=None)
    kind = "account-document"
    if kind in procedure.counter.get("authenticate", ()):
        ordering.authenticate(
            actor=clerk,
            service_id=service.id,
            kind=kind,
            given={"account": service.account, "document_number": document},
            limits=limits_of(procedure.parameters),
            procedure=what,
        )
    elif procedure.counter.get("authenticate"):
        raise BenchError(f"{what} asks for a proof that is not known here.")
    groups = procedure.counter.get("reasons") or []
    reason = f"{groups[0]['key']}.{groups[0]['reasons'][0]['key']}" if groups else ""
    form = changing.form_of(
        procedure.playbook, procedure.playbook_hash, procedure.counter.get("form", "")
    )
    data = form.for_parts(frozenset()).example(_no_example, **answers) if form is not None else {}
    return changing.request_change(
        actor=clerk,
        service_id=service.id,
        procedure=what,
        key=str(uuid7()),
        data=data,
        reason=reason,
    )


def _no_example(kind: str) -> Any:
    raise BenchError(f"There is no fresh {kind} at the benchmark's counter.")


# ---- reconciliation ------------------------------------------------------------------------------


def _compared() -> list[Figure]:
    """All accounts of the AAA server beside all services, by a process that does nothing else."""
    say("comparing")
    worker = child("kaitong.bench.reconciler", stdout=subprocess.PIPE)
    told = hear(worker)
    worker.wait(timeout=15)
    note = f"{told['compared']:,} accounts, {told['found']} differ, {told['cpu']:.1f} s of its CPU"
    return [
        Figure("broadband: reconciliation", told["seconds"], "s", "<=", COMPARE_SECONDS, note),
        Figure(
            "broadband: memory while it compares", told["grown_mb"], "MB", "<=", COMPARE_MEGABYTES
        ),
    ]


# ---- pages ---------------------------------------------------------------------------------------


def _pages(size: Size) -> list[Figure]:
    cookie = {"Cookie": f"sessionid={pages.session('clerk')}"}
    rows = Service.objects.filter(state="active").order_by("pk")
    some = list(rows.values_list("pk", "account", "customer_id")[:1000])
    kinds = kinds_of()

    def headers(_client: int) -> dict[str, str]:
        return cookie

    def page(name: str, path: Any) -> Page:
        return Page(name, headers, lambda _client, chance: path(chance.choice(some), chance))

    asked = [
        page("search by account", lambda line, _chance: f"/customers/?q={line[1]}"),
        page("customer page", lambda line, _chance: f"/customers/{line[2]}/"),
        page("line page", lambda line, _chance: f"/services/{line[0]}/"),
        page("change page", _change_page(kinds)),
    ]
    asking = pages.Size(clients=size.clients, requests=size.requests, rounds=size.page_rounds)
    with pages.server() as port:
        times = pages.measured(port, asked, asking)
    found = []
    for one in asked:
        took = times[one.name]
        note = f"median {percentile(took, 0.5):.0f} ms, {len(took)} requests"
        p95 = percentile(took, 0.95)
        found.append(Figure(f"broadband: {one.name}, p95", p95, "ms", "<=", LIMIT_MS, note))
    return found


def _change_page(kinds: Sequence[str]) -> Any:
    def path(line: Any, chance: random.Random) -> str:
        return f"/services/{line[0]}/do/{chance.choice(kinds)}/"

    return path
