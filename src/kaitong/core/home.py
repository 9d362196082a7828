"""The state folder: `KAITONG_HOME`, by default `.kaitong/` beside the code."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def home() -> Path:
    """The state folder's path. It is made by who first writes into it, not here."""
    return Path(os.environ.get("KAITONG_HOME") or REPOSITORY / ".kaitong").resolve()


def private_folder(*parts: str) -> Path:
    """A folder below the state folder that only its owner can read."""
    folder = home().joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def library() -> Path:
    """Where the shipped playbooks stand."""
    return Path(os.environ.get("KAITONG_LIBRARY") or REPOSITORY / "library").resolve()
