"""The world outside: does what commands ask, once a key, and keeps count in a file of its own.

A process of its own, killed like the others. It is no good neighbour: sometimes it is slow, busy,
refuses, or hangs up after it has done what was asked. What it does with one arrival is drawn from
the seed, the key and how often the key has arrived.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SCHEMA = """
create table if not exists arrival (id integer primary key, key text not null);
create table if not exists effect (key text primary key, instance text not null, node text not null,
 token text not null, what text not null, at real not null);
create table if not exists account (name text primary key, state text not null, key text not null);
"""
# Mood -> share of arrivals. The rest is done and answered.
MOODS = {"slow": 0.08, "busy": 0.07, "hangs-up": 0.08, "too-slow": 0.04, "no": 0.04}
PATIENCE = 2.0  # seconds the sender waits; "too-slow" takes longer


def mood(seed: int, key: str, arrival: int) -> str:
    """What becomes of one arrival."""
    drawn = hashlib.sha256(f"{seed}/{key}/{arrival}".encode()).digest()
    at = int.from_bytes(drawn[:6], "big") / 2**48
    for name, share in MOODS.items():
        if at < share:
            return name
        at -= share
    return "well"


class World:
    """What was done, in SQLite with its own fsync."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.seed, self.kind = seed, folder / "be-kind"
        self.lock = threading.Lock()
        self.rows = sqlite3.connect(
            folder / "receiver.sqlite", check_same_thread=False, isolation_level=None
        )
        self.rows.execute("pragma journal_mode = wal")
        self.rows.execute("pragma synchronous = full")
        self.rows.executescript(SCHEMA)

    def asked(self, body: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
        """Status, answer, mood. 0 for a status: hang up."""
        with self.lock:
            self.rows.execute("insert into arrival (key) values (?)", [body["key"]])
            (count,) = self.rows.execute(
                "select count(*) from arrival where key = ?", [body["key"]]
            ).fetchone()
        drawn = "well" if self.kind.exists() else mood(self.seed, body["key"], count)
        if drawn == "slow":
            time.sleep(0.4)
        if drawn == "busy":
            return 503, {}, drawn
        if drawn == "no" and body.get("may_refuse") and not self.done(body["key"]):
            return 409, {"code": "refused"}, drawn
        self.do(body)
        if drawn == "too-slow":
            time.sleep(PATIENCE + 0.5)
        return (0 if drawn == "hangs-up" else 200), {"done": True}, drawn

    def done(self, key: str) -> bool:
        with self.lock:
            found = self.rows.execute("select 1 from effect where key = ?", [key]).fetchone()
        return found is not None

    def do(self, body: dict[str, Any]) -> None:
        with self.lock:
            self.rows.execute("begin immediate")
            self.rows.execute(
                "insert or ignore into effect values (?, ?, ?, ?, ?, ?)",
                [*(body[n] for n in ("key", "instance", "node", "token", "what")), time.time()],
            )
            if body.get("account"):
                self.rows.execute(
                    "insert or replace into account values (?, ?, ?)",
                    [body["account"], body["state"], body["key"]],
                )
            self.rows.execute("commit")

    def account(self, name: str) -> str:
        with self.lock:
            found = self.rows.execute("select state from account where name = ?", [name]).fetchone()
        return found[0] if found else "absent"


def main(folder: Path, port: int, seed: int) -> None:
    world = World(folder, seed)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/account":
                status, answer = 200, {"state": world.account(body["account"])}
            else:
                status, answer, _mood = world.asked(body)
            if status == 0:
                self.close_connection = True
                return
            told = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: Any) -> None:
            pass

    ThreadingHTTPServer.allow_reuse_address = True
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.serve_forever(poll_interval=0.1)
