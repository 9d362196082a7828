"""The machine's own commit limit: pgbench with single-row inserts, each its own commit."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlparse

import psycopg

from kaitong.core.errors import KaitongError
from kaitong.core.postgres import binaries

_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_BYTES = 120
_BESIDES = 150  # bytes of log around a row: its headers, its index entry, the commit
_LARGEST = 7500  # what fits a page beside the row's header


class BenchError(KaitongError):
    """A benchmark cannot be taken on this machine."""

    default_code = "bench"


def prepare(url: str) -> None:
    """The table pgbench writes into."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS commit_limit"
            " (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text)"
        )
        connection.execute("ALTER TABLE commit_limit ALTER COLUMN body SET STORAGE PLAIN")


def limit(url: str, *, clients: int, seconds: float, commits: float, size: int = 0) -> float:
    """How many times a second `clients` can do that many commits; pgbench measures.

    `commits` may be a fraction: the whole number below it is run and the result scaled. `size` is
    how many bytes of log each writes; 0 means a small row.
    """
    row = min(max(size - _BESIDES, 1), _LARGEST) if size else _BYTES
    program = binaries() / "pgbench"
    if not program.exists():
        raise BenchError(f"There is no pgbench in {program.parent}.", "Unset KAITONG_PG_BIN.")
    whole = max(int(commits), 1)
    parts = urlparse(url)
    user = unquote(parts.username or "")
    with tempfile.TemporaryDirectory(prefix="kaitong-bench-") as folder:
        script = Path(folder) / "commits.sql"
        script.write_text(f"INSERT INTO commit_limit (body) VALUES (repeat('x', {row}));\n" * whole)
        outcome = subprocess.run(
            [
                str(program), "-n", "-M", "prepared",
                "-c", str(clients), "-j", str(min(clients, 4)),
                "-T", str(max(round(seconds), 1)), "-f", str(script),
                "-h", parts.hostname or "", "-p", str(parts.port), "-U", user,
                parts.path.lstrip("/"),
            ],
            env={**os.environ, "PGPASSWORD": unquote(parts.password or "")},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    found = _TPS.search(outcome.stdout)
    if outcome.returncode != 0 or found is None:
        raise BenchError("pgbench failed.", outcome.stderr.strip()[-400:])
    return float(found[1]) * whole / commits
