"""What a client was told, line by line, on the disk before it goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Journal:
    """An append-only file; a line that a kill has torn counts as not written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = read(path)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, kind: str, **facts: Any) -> None:
        line = {"kind": kind, **facts}
        # the leading newline ends a torn line of a life before
        os.write(self._file, ("\n" + json.dumps(line, ensure_ascii=False) + "\n").encode())
        os.fsync(self._file)
        self.lines.append(line)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["kind"] == kind]


def read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    found = []
    for text in path.read_text().splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            found.append(line)
    return found
