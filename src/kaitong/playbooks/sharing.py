"""What a playbook takes from the library: `stands-on: common/line` in its playbook.yaml.

A shared folder holds processes, forms, decisions, scenarios and their English for every product of
a kind. What a playbook has itself stands over it, file by file and word by word; so a file named
`processes/transfer.bpmn` is the playbook's own where it has one, else the shared one. Nothing is
copied, and the fingerprint of a version covers what it takes. A shared folder stands on no other.

Files that begin with `/` are named in the library outright (`/common/processes/visit.bpmn`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kaitong.core.home import library
from kaitong.playbooks.reading import yaml_text

MAIN = "playbook.yaml"
KEY = "stands-on"
OUTSIDE = "outside"  # the name of what is in no folder


def content(folder: Path) -> Any:
    """What playbook.yaml says, unchecked; None where it cannot be read (the check names it)."""
    try:
        return yaml_text.values((folder / MAIN).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml_text.YAMLError):
        return None


def named(said: Any) -> str:
    """The shared folder that playbook.yaml names; empty where it names none."""
    found = said.get(KEY) if isinstance(said, dict) else None
    return found if isinstance(found, str) else ""


def beneath(folder: Path, name: str) -> Path | None:
    """The shared folder of this name: of the library the playbook is in, else of Kaitong's own.
    None where there is none, or it is itself a playbook."""
    for root in (folder.parent.resolve(), library().resolve()) if name else ():
        found = (root / name).resolve()
        if found.is_relative_to(root) and found.is_dir() and found != folder.resolve():
            return None if (found / MAIN).exists() else found
    return None


def in_library(folder: Path, file: str) -> Path:
    """Where a file of the library stands, named outright (`/common/…`)."""
    for root in (folder.parent.resolve(), library().resolve()):
        found = (root / file.lstrip("/")).resolve()
        if found.is_relative_to(root) and found.is_file():
            return found
    return folder / OUTSIDE
