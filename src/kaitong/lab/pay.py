"""An online channel to practise with (本地测试支付渠道): it moves no money, and says so everywhere.

A customer "pays" by a button on its page; it then tells Kaitong by a signed callback, again until
it is heard. Its payments stand in a store of its own, apart from Kaitong's database.

    python -m kaitong.lab.pay FOLDER        serves until it is ended
"""

from __future__ import annotations

import contextlib
import html
import json
import os
import secrets
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kaitong.charging.signing import CALLBACK_ID, signed, verified
from kaitong.lab.practice import PracticeLab, PracticeSettings

TITLE = "本地测试支付渠道（不动真钱）"
KEY = "lab"
_LARGEST = 64 * 1024
_CHINA = timezone(timedelta(hours=8))
_AGAIN = (0.0, 0.5, 2.0, 5.0, 15.0)  # seconds before a callback is told again
_TABLE = """CREATE TABLE IF NOT EXISTS payment (
    serial INTEGER PRIMARY KEY AUTOINCREMENT, number TEXT UNIQUE NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, notify_url TEXT NOT NULL,
    paid_at TEXT, heard INTEGER NOT NULL DEFAULT 0)"""


class PaySettings(PracticeSettings):
    """Where the channel is and its shared secret; `pay.json` in the lab folder."""


class Store:
    """The channel's own payments: one a number, whatever is asked twice."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with self.open() as store:
            store.execute(_TABLE)

    @contextlib.contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        store = sqlite3.connect(self.file, timeout=10, isolation_level=None)
        store.row_factory = sqlite3.Row
        try:
            yield store
        finally:
            store.close()

    def ask(self, asked: dict[str, Any]) -> sqlite3.Row:
        amount = asked["amount_fen"]
        if not isinstance(amount, int) or amount <= 0:
            raise ValueError("amount")
        with self.open() as store:
            store.execute(
                "INSERT OR IGNORE INTO payment (number, reference, amount, currency, notify_url)"
                " VALUES (?, ?, ?, ?, ?)",
                [
                    str(asked["number"]),
                    f"LAB{secrets.token_hex(8)}",
                    amount,
                    str(asked["currency"]),
                    str(asked["notify_url"]),
                ],
            )
        return self.find(number=str(asked["number"]))

    def find(self, **by: str) -> sqlite3.Row:
        name, value = next(iter(by.items()))
        with self.open() as store:
            sql = f"SELECT * FROM payment WHERE {name} = ?"
            row = store.execute(sql, [value]).fetchone()
        if row is None:
            raise KeyError(value)
        return row  # type: ignore[no-any-return]

    def pay(self, reference: str) -> sqlite3.Row:
        """The customer paid; again changes nothing."""
        at = datetime.now(_CHINA).isoformat(timespec="seconds")
        with self.open() as store:
            store.execute(
                "UPDATE payment SET paid_at = coalesce(paid_at, ?) WHERE reference = ?",
                [at, reference],
            )
        return self.find(reference=reference)

    def heard(self, reference: str) -> None:
        with self.open() as store:
            store.execute("UPDATE payment SET heard = 1 WHERE reference = ?", [reference])

    def of_day(self, day: str) -> list[sqlite3.Row]:
        with self.open() as store:
            sql = "SELECT * FROM payment WHERE substr(paid_at, 1, 10) = ? ORDER BY serial"
            return list(store.execute(sql, [day]))


def tell(settings: PaySettings, store: Store, row: sqlite3.Row) -> bool:
    """The callback of a payment, with one identifier however often it is told."""
    content = {
        "number": row["number"],
        "reference": row["reference"],
        "status": "paid",
        "amount_fen": row["amount"],
        "currency": row["currency"],
    }
    body = json.dumps(content, sort_keys=True).encode()
    for wait in _AGAIN:
        time.sleep(wait)
        headers = signed(settings.secret, body, at=time.time(), identifier=row["reference"])
        request = urllib.request.Request(  # noqa: S310 - registered by us
            row["notify_url"], data=body, headers=headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310
                store.heard(row["reference"])
                return True
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return False  # refused: a repetition changes nothing
        except (urllib.error.URLError, TimeoutError, ConnectionError, OSError):
            continue
    return False


_PAGE = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1><p>支付单 {number}</p><p><b>{amount}</b></p>{act}</html>"""
_BUTTON = '<form method="post"><button>模拟支付</button></form>'


def server(settings: PaySettings, store: Store) -> ThreadingHTTPServer:
    """The channel at its address; `serve_forever` runs it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                return self._say(200, {"channel": TITLE, "test": True})
            return self._page()

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(min(length, _LARGEST))
            if self.path.startswith("/pay/"):
                return self._pay()
            if not verified(settings.secret, self.headers, body):  # type: ignore[arg-type]
                return self._say(401, {"reason": "签名不符"})
            try:
                said = json.loads(body)
                if self.path == "/payments":
                    row = store.ask(said)
                    url = f"{settings.url}/pay/{row['reference']}"
                    return self._say(200, {"reference": row["reference"], "pay_url": url})
                if self.path == "/statement":
                    rows = store.of_day(str(said["day"]))
                    return self._say(200, {"payments": [_line(row) for row in rows]})
            except (ValueError, KeyError, TypeError):
                return self._say(400, {"reason": "请求不完整"})
            return self._say(404, {"reason": "没有这个地址"})

        def _pay(self) -> None:
            try:
                row = store.pay(self.path.removeprefix("/pay/"))
            except KeyError:
                return self._say(404, {"reason": "没有这张支付单"})
            threading.Thread(target=tell, args=(settings, store, row), daemon=True).start()
            return self._page()

        def _page(self) -> None:
            try:
                row = store.find(reference=self.path.removeprefix("/pay/"))
            except KeyError:
                return self._say(404, {"reason": "没有这张支付单"})
            data = _PAGE.format(
                title=html.escape(TITLE),
                number=html.escape(row["number"]),
                amount=f"¥{row['amount'] // 100}.{row['amount'] % 100:02}",
                act="<p>已支付</p>" if row["paid_at"] else _BUTTON,
            ).encode()
            self._send(200, data, "text/html; charset=utf-8", {})

        def _say(self, status: int, said: dict[str, Any]) -> None:
            data = json.dumps(said, ensure_ascii=False).encode()
            given = self.headers.get(CALLBACK_ID, "")
            headers = signed(settings.secret, data, at=time.time(), identifier=given)
            self._send(status, data, headers.pop("Content-Type"), headers)

        def _send(self, status: int, data: bytes, kind: str, headers: dict[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    return ThreadingHTTPServer((settings.host, settings.port), Handler)


def _line(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "number": row["number"],
        "reference": row["reference"],
        "amount_fen": row["amount"],
        "currency": row["currency"],
    }


# ---- its life in the lab -------------------------------------------------------------------------


class PayLab(PracticeLab[PaySettings]):
    """The lab's channel."""

    name, what, module = "pay", "payment channel", "kaitong.lab.pay"
    kind = PaySettings

    def store(self) -> Store:
        return Store(self.folder / "payments.sqlite3")


def register(settings: PaySettings, notify: str = "http://127.0.0.1:8000") -> bool:
    """Tell Kaitong where its test channel is; False while there is no branch. `notify` is where
    Kaitong's pages answer."""
    from kaitong.charging.channels import register_channel
    from kaitong.org.models import Branch

    top = Branch.objects.filter(parent=None).order_by("path").first()
    if top is None:
        return False
    register_channel(
        key=KEY,
        branch_id=top.pk,
        title=TITLE,
        url=settings.url,
        notify_url=f"{notify}/pay/callback/{KEY}",
        secret=settings.secret,
        is_test=True,
    )
    return True


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kaitong.settings.base")
    folder = Path(sys.argv[1])
    settings = PaySettings(**json.loads((folder / "pay.json").read_text()))
    server(settings, Store(folder / "payments.sqlite3")).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
