"""Connections to the AAA server's database: short, with time limits, reused within a thread.

It is another database than Kaitong's, with a role that may change accounts and read accounting and
nothing else. A dead network must not hold a worker: 3 s to connect, 5 s a statement.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

from kaitong.activation.errors import ElementProblem, Unreachable

_CONNECT_SECONDS = 3
_STATEMENT_MS = 5000
_kept = threading.local()


@contextlib.contextmanager
def aaa_database(
    where: Mapping[str, Any], password: str, *, called: str = "认证数据库"
) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit mode; use `connection.transaction()` for what belongs together.

    `called` is what people call the element's database. Raises Unreachable when it is down, too
    slow, or goes away meanwhile.
    """
    key = (os.getpid(), str(where.get("host")), where.get("port"), where.get("name"),
           where.get("user"), hash(password))  # fmt: skip
    store: dict[Any, psycopg.Connection[Any]] = _kept.__dict__.setdefault("open", {})
    connection = store.pop(key, None)
    if connection is not None and not _alive(connection):
        connection.close()
        connection = None
    try:
        if connection is None:
            connection = _connect(where, password, called)
        yield connection
    except psycopg.OperationalError as error:
        if connection is not None:
            connection.close()
        if "authentication failed" in str(error):
            raise ElementProblem(
                f"{called}不接受开通的角色。",
                "更正网元的数据库用户和密码。",
            ) from None
        place = f"{where.get('host')}:{where.get('port')}"
        raise Unreachable(
            f"{called} {place} 没有应答（{_first_line(error)}）。", "系统会自动重试。"
        ) from None
    except psycopg.Error as error:
        if connection is not None:
            connection.close()
        raise ElementProblem(
            f"{called}拒绝了语句（{_first_line(error)}）。",
            "核对角色的权限和表结构。",
        ) from None
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    else:
        store[key] = connection


def _alive(connection: psycopg.Connection[Any]) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def _connect(where: Mapping[str, Any], password: str, called: str) -> psycopg.Connection[Any]:
    try:
        host, port = str(where["host"]), int(where["port"])
        name, user = str(where["name"]), str(where["user"])
    except (KeyError, ValueError, TypeError) as error:
        raise ElementProblem(
            f"网元的数据库连接不完整（{error}）。",
            "需要 host、port、name、user。",
        ) from None
    if not port:
        raise Unreachable(f"{called}还没有启动过。", "启动后系统会自动重试。")
    return psycopg.connect(
        host=host, port=port, dbname=name, user=user, password=password,
        connect_timeout=_CONNECT_SECONDS, application_name="kaitong", autocommit=True,
        tcp_user_timeout=_STATEMENT_MS, keepalives_idle=5, keepalives_interval=2,
        keepalives_count=2,
        options=f"-c statement_timeout={_STATEMENT_MS} -c lock_timeout={_CONNECT_SECONDS * 1000}"
        " -c idle_in_transaction_session_timeout=10000",
    )  # fmt: skip


def _first_line(error: BaseException) -> str:
    """The cause in one line, without anything that could repeat a password or a statement."""
    if isinstance(error, psycopg.errors.QueryCanceled):
        return "timeout"
    code = getattr(error, "sqlstate", None)
    text = (str(error).strip().splitlines() or ["no answer"])[0]
    return f"{code}" if code else text[:200]
