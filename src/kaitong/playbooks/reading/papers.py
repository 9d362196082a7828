"""The sheets of a playbook: every template makes one of its samples before it is deployed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kaitong.documents.errors import PaperError
from kaitong.documents.render import check_papers, render
from kaitong.playbooks.reading.folder import Folder, fingerprint

# Versions whose papers made their sheets in this process: that takes a second and cannot change.
_made: set[str] = set()


def check(folder: Folder, content: Mapping[str, Any]) -> None:
    """Every template makes a sheet of its samples, also with the texts of this playbook."""
    version = fingerprint(folder.root)
    if version in _made:
        return
    before, name, library = len(folder.faults), folder.root.name, folder.root.parent
    for fault in check_papers(name, library):
        file = fault.field.removeprefix(f"{name}/")
        folder.fault(file, 1, Path(file).stem, str(fault.what), str(fault.remedy))
    for kind, paper in content.get("papers", {}).items():
        sample = (folder.root / paper["file"]).with_suffix(".json")
        if not sample.is_file():
            continue
        try:
            data = {**json.loads(sample.read_text(encoding="utf-8")), **_own_texts(paper)}
            render(f"{name}/{paper['file']}", data, library)
        except ValueError:
            pass  # named above
        except PaperError as error:
            folder.spot(["papers", kind], str(error.what), str(error.remedy))
    if len(folder.faults) == before:
        _made.add(version)


def _own_texts(paper: Mapping[str, Any]) -> dict[str, Any]:
    """Texts of an entry of `papers:` as its sheet gets them."""
    return {
        "terms": paper.get("terms", []),
        "limits": paper.get("limits", ""),
        "steps": [{"title": title, "done": False} for title in paper.get("steps", [])],
        "photos": [{"title": title, "taken": False} for title in paper.get("photos", [])],
    }
