"""`pages`: p95 of workbench, order page and TMF641 list over real HTTP, with 100,000 orders.

The server is the one `./run kaitong serve` starts; four clients ask one thing after another without
a pause, the three pages in turn. Then, in this process, how many statements a page takes with one
row and with fifty: it must be the same.
"""

from __future__ import annotations

import http.client
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from kaitong.bench import loader, world
from kaitong.bench.commits import BenchError
from kaitong.bench.figures import Figure, percentile, say
from kaitong.bench.orders import SEEDED_BY, world_template
from kaitong.bench.place import Place, child
from kaitong.core.postgres import free_port
from kaitong.ordering.models import Order
from kaitong.org.actor import Actor
from kaitong.org.models import Branch, Staff
from kaitong.tmf import services as tmf
from kaitong.web.pages import orders as order_list
from kaitong.web.pages import workbench

LIMIT_MS = 150.0
TMF641 = "/tmf-api/serviceOrdering/v4/serviceOrder"
_BACKEND = "django.contrib.auth.backends.ModelBackend"
# who sits at the four clients
STAFF = ("installer", "supervisor", "service", "monitor")
_LOADED_BY = ("src/kaitong/bench/loader.py", "src/kaitong/bench/walking.py")


@dataclass(frozen=True, slots=True)
class Size:
    orders: int = 100_000
    clients: int = 4
    requests: int = 12  # of each page, of each client, in each round
    rounds: int = 2


SMALL = Size(orders=40, clients=2, requests=2, rounds=1)

# How a client of a page is made: who asks, and the path of its next request.
Paths = Callable[[random.Random], str]


@dataclass(frozen=True, slots=True)
class Page:
    name: str
    headers: Callable[[int], dict[str, str]]
    path: Callable[[int, random.Random], str]


def run(place: Place, size: Size) -> list[Figure]:
    """p95 of every page, and statements a page."""
    with place.database("bench_pages", loaded(place, size.orders)):
        if place.borrowed:
            loader.load(size.orders)
        pages = _pages()
        with server() as port:
            times = measured(port, pages, size)
        figures = []
        for page in pages:
            found = times[page.name]
            note = f"median {percentile(found, 0.5):.0f} ms, {len(found)} requests"
            p95 = percentile(found, 0.95)
            figures.append(Figure(f"pages: {page.name}, p95", p95, "ms", "<=", LIMIT_MS, note))
        return [
            Figure("pages: orders in the database", Order.objects.count(), "orders"),
            Figure("pages: clients at once", size.clients, "clients"),
            *figures,
            *_statements(),
        ]


def loaded(place: Place, orders: int) -> str:
    """The seeded database with so many orders in it, and rooms and ports for them."""
    seeded = world_template(place)

    def make() -> None:
        county = Branch.objects.get(code="XN")
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM places_address WHERE code LIKE 'B%%'")
            there = int(cursor.fetchone()[0])
        missing = orders + len(loader.STAGES) - there
        if missing > 0:
            boxes = -(-missing // world.ROOMS)
            world.lay_plant(county, first=there // world.ROOMS, boxes=boxes)
        loader.load(orders)

    return place.template(
        f"loaded_{orders}", make, shaped_by=(*SEEDED_BY, *_LOADED_BY), base=seeded
    )


# ---- what is asked for ---------------------------------------------------------------------------


def _pages() -> list[Page]:
    cookies = [f"sessionid={session(username)}" for username in STAFF]
    tokens = [
        tmf.issue_token(actor=Actor.system(), staff_username=name, title="bench") for name in STAFF
    ]
    recent = Order.objects.order_by("-ordered_at").values_list("pk", flat=True)
    ids = [*recent[:500], *Order.objects.order_by("id").values_list("pk", flat=True)[:500]]

    def work(client: int, chance: random.Random) -> str:
        tab = chance.choice(("todo", "todo", "todo", "mine", "done", "suspended"))
        who = "&who=team" if STAFF[client % len(STAFF)] == "supervisor" else ""
        return f"/work/?tab={tab}&page={chance.choice((1, 1, 1, 2, 5))}{who}"

    def order(client: int, chance: random.Random) -> str:
        return f"/orders/{chance.choice(ids)}/"

    def listed(client: int, chance: random.Random) -> str:
        state = chance.choice(("", "", "&state=inProgress", "&state=completed"))
        return f"{TMF641}?limit=50&offset={chance.choice((0, 0, 0, 50, 500))}{state}"

    def by_cookie(client: int) -> dict[str, str]:
        return {"Cookie": cookies[client % len(cookies)]}

    def by_token(client: int) -> dict[str, str]:
        return {"Authorization": f"Bearer {tokens[client % len(tokens)]}"}

    return [
        Page("workbench", by_cookie, work),
        Page("order page", by_cookie, order),
        Page("TMF641 list of 50", by_token, listed),
    ]


def session(username: str) -> str:
    """A signed-in session, as signing in at the page would have made it."""
    user = Staff.objects.get(username=username)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = _BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


# ---- asking --------------------------------------------------------------------------------------


@contextmanager
def server() -> Iterator[int]:
    """The web server, in a process of its own."""
    port = free_port()
    process = child("kaitong.cli", "serve", "--port", str(port), stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError("The web server did not start.", "See its message above.")
            time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def measured(port: int, pages: list[Page], size: Size) -> dict[str, list[float]]:
    """Milliseconds of every request, by page. The first requests of each client do not count."""
    found: dict[str, list[float]] = {page.name: [] for page in pages}
    for page in pages:
        _ask(port, page, size.clients, 4, seed=0)
    for number in range(size.rounds):
        for page in pages:
            took = _ask(port, page, size.clients, size.requests, seed=number + 1)
            found[page.name] += took
            say(f"round {number + 1}/{size.rounds}, {page.name}: {percentile(took, 0.95):.0f} ms")
    return found


def _ask(port: int, page: Page, clients: int, requests: int, *, seed: int) -> list[float]:
    took: list[float] = []
    faults: list[str] = []

    def client(number: int) -> None:
        chance = random.Random(seed * 1000 + number)  # noqa: S311 (a client's wishes)
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            for _request in range(requests):
                path = page.path(number, chance)
                begun = time.perf_counter()
                line.request("GET", path, headers=page.headers(number))
                answer = line.getresponse()
                answer.read()
                took.append((time.perf_counter() - begun) * 1000)
                if answer.status not in (200, 206):
                    faults.append(f"{path}: {answer.status}")
        except OSError as error:
            faults.append(f"{page.name}: {error}")
        finally:
            line.close()

    team = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    if faults:
        raise BenchError(f"{len(faults)} requests failed.", faults[0])
    return took


# ---- statements a page ---------------------------------------------------------------------------


def _statements() -> list[Figure]:
    """Statements with one row and with fifty, in this process; equal is what is wanted."""
    browser = Client(headers={"host": "127.0.0.1"})
    browser.force_login(Staff.objects.get(username="supervisor"), backend=_BACKEND)
    token = tmf.issue_token(actor=Actor.system(), staff_username="supervisor", title="bench")
    api = Client(headers={"host": "127.0.0.1", "authorization": f"Bearer {token}"})
    fresh = Order.objects.filter(items__instance_id__isnull=False, state="inProgress")
    done = Order.objects.filter(state="completed")
    some = {"fresh": fresh.order_by("-id")[0].pk, "done": done.order_by("-id")[0].pk}

    def sized(module: object, rows: int, path: str) -> int:
        with mock.patch.object(module, "PAGE_SIZE", rows):
            return _count(browser, path)

    pairs = {
        "workbench": [sized(workbench, rows, "/work/") for rows in (1, 50)],
        "order list": [sized(order_list, rows, "/orders/") for rows in (1, 50)],
        "TMF641 list": [_count(api, f"{TMF641}?limit={rows}") for rows in (1, 50)],
        "order page": [_count(browser, f"/orders/{some[which]}/") for which in ("fresh", "done")],
    }
    figures = []
    for name, (few, many) in pairs.items():
        told = "just begun, completed" if name == "order page" else "1 row, 50 rows"
        note = f"{told}: {few}, {many}"
        most = 3.0 if name == "order page" else 0.0
        figures.append(Figure(f"pages: {name}, statements", many, "statements"))
        figures.append(
            Figure(f"pages: {name}, more for more rows", many - few, "statements", "<=", most, note)
        )
    return figures


def _count(browser: Client, path: str) -> int:
    browser.get(path)  # what is kept in memory is there
    with CaptureQueriesContext(connection) as captured:
        answer = browser.get(path)
    if answer.status_code not in (200, 206):
        raise BenchError(f"{path} answered {answer.status_code}.")
    return len(captured)
