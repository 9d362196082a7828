"""A tax platform to practise with (本地测试开票平台): a small HTTP server with a store of its own.

What it issues is worth nothing, and it says so in every answer. It keeps its invoices in
`KAITONG_HOME/lab/tax/invoices.sqlite3`, apart from Kaitong's database; the same key gives the same
invoice ever after. Bodies are signed both ways (`charging.tax`).

    python -m kaitong.lab.tax FOLDER        serves until it is ended
"""

from __future__ import annotations

import contextlib
import hmac
import json
import sqlite3
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kaitong.charging.tax import SIGNATURE, sign
from kaitong.lab.practice import PracticeLab, PracticeSettings

TITLE = "本地测试开票平台（非税务机关，所开无效）"
SELLER_NAME, SELLER_NUMBER = "开通测试通信公司", "91110000100006480Q"
_LARGEST = 64 * 1024
_CHINA = timezone(timedelta(hours=8))
_TABLE = """CREATE TABLE IF NOT EXISTS invoice (
    serial INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL, asked TEXT NOT NULL,
    number TEXT, amount INTEGER NOT NULL, kind TEXT NOT NULL, red_of TEXT NOT NULL,
    issued_at TEXT NOT NULL)"""


class TaxSettings(PracticeSettings):
    """Where the platform is and its shared secret; `tax.json` in the lab folder."""


# ---- the platform --------------------------------------------------------------------------------


class Refusal(Exception):
    """Why nothing is issued."""


class Books:
    """The platform's own store: one invoice a key, numbers without gaps."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with self._open() as books:
            books.execute(_TABLE)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        books = sqlite3.connect(self.file, timeout=10, isolation_level=None)
        try:
            yield books
        finally:
            books.close()

    def issue(self, asked: dict[str, Any]) -> dict[str, str]:
        """The invoice of a key: a new one, or the one it made before. Raises Refusal."""
        text = json.dumps(asked, ensure_ascii=False, sort_keys=True)
        with self._open() as books:
            books.execute("BEGIN IMMEDIATE")
            try:
                row = books.execute(
                    "SELECT number, issued_at, asked FROM invoice WHERE key = ?", [asked["key"]]
                ).fetchone()
                if row is not None and row[2] != text:
                    raise Refusal("同一流水号的内容不同")
                if row is None:
                    row = self._new(books, asked, text)
                books.execute("COMMIT")
            except BaseException:
                books.execute("ROLLBACK")
                raise
        return {"key": asked["key"], "number": row[0], "code": "", "issued_at": row[1]}

    def _new(
        self, books: sqlite3.Connection, asked: dict[str, Any], text: str
    ) -> tuple[str, str, str]:
        self._check(books, asked)
        at = datetime.now(_CHINA).isoformat(timespec="seconds")
        done = books.execute(
            "INSERT INTO invoice (key, asked, amount, kind, red_of, issued_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [asked["key"], text, asked["amount_fen"], asked["kind"], asked["red_of"], at],
        )
        # 20 digits like a fully digital invoice's, but of the year 00 that no office issues
        number = f"00{0:010}{done.lastrowid:08}"
        books.execute("UPDATE invoice SET number = ? WHERE serial = ?", [number, done.lastrowid])
        return number, at, text

    @staticmethod
    def _check(books: sqlite3.Connection, asked: dict[str, Any]) -> None:
        amount = asked["amount_fen"]
        if not isinstance(amount, int) or amount <= 0:
            raise Refusal("金额不对")
        if not str(asked["buyer_name"]).strip():
            raise Refusal("没有抬头")
        if "拒开" in str(asked["buyer_name"]):  # to practise a refusal
            raise Refusal("购买方在风险名单内")
        if sum(line[1] for line in asked["lines"]) != amount:
            raise Refusal("明细合计与金额不符")
        if asked["kind"] == "red":
            of = books.execute(
                "SELECT amount FROM invoice WHERE number = ? AND kind = 'blue'", [asked["red_of"]]
            ).fetchone()
            if of is None:
                raise Refusal("没有这张蓝字发票")
            taken = books.execute(
                "SELECT coalesce(sum(amount), 0) FROM invoice WHERE red_of = ?", [asked["red_of"]]
            ).fetchone()[0]
            if taken + amount > of[0]:
                raise Refusal("红冲金额超过蓝字发票")

    def count(self) -> int:
        with self._open() as books:
            return int(books.execute("SELECT count(*) FROM invoice").fetchone()[0])


def server(settings: TaxSettings, books: Books) -> ThreadingHTTPServer:
    """The platform at its address; `serve_forever` runs it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(200, {"platform": TITLE, "test": True})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(min(length, _LARGEST))
            given = self.headers.get(SIGNATURE, "")
            if self.path != "/invoices":
                return self._say(404, {"reason": "没有这个地址"})
            if not hmac.compare_digest(sign(settings.secret, body), given):
                return self._say(401, {"reason": "签名不符"})
            try:
                made = books.issue(json.loads(body))
            except Refusal as refused:
                return self._say(422, {"reason": str(refused)})
            except (ValueError, KeyError, TypeError):
                return self._say(400, {"reason": "请求不完整"})
            return self._say(200, {**made, "platform": TITLE, "test": True})

        def _say(self, status: int, said: dict[str, Any]) -> None:
            data = json.dumps(said, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.send_header(SIGNATURE, sign(settings.secret, data))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: what is asked names people."""

    return ThreadingHTTPServer((settings.host, settings.port), Handler)


# ---- its life in the lab -------------------------------------------------------------------------


class TaxLab(PracticeLab[TaxSettings]):
    """The lab's tax platform."""

    name, what, module = "tax", "tax platform", "kaitong.lab.tax"
    kind = TaxSettings

    def books(self) -> Books:
        return Books(self.folder / "invoices.sqlite3")


def register(settings: TaxSettings) -> bool:
    """Tell Kaitong where its test platform is; False while there is no branch."""
    from kaitong.charging.services import register_tax_platform
    from kaitong.org.models import Branch

    top = Branch.objects.filter(parent=None).order_by("path").first()
    if top is None:
        return False
    register_tax_platform(
        key="lab",
        branch_id=top.pk,
        title=TITLE,
        url=settings.url,
        secret=settings.secret,
        seller_name=SELLER_NAME,
        seller_number=SELLER_NUMBER,
        is_test=True,
    )
    return True


def main() -> int:
    folder = Path(sys.argv[1])
    settings = TaxSettings(**json.loads((folder / "tax.json").read_text()))
    server(settings, Books(folder / "invoices.sqlite3")).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
