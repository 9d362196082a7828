"""`process check`: the verdict on BPMN files. No database is asked, none is started."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from kaitong.process.bpmn import parse
from kaitong.process.model import Model, RefusedProcess


def process_check(asked: argparse.Namespace) -> int:
    """Say of each file whether Kaitong executes it, or everything that stands in the way.

    0 when all are executable, else 1.
    """
    verdicts = [_verdict(Path(name)) for name in asked.file]
    if asked.json:
        print(json.dumps(verdicts, ensure_ascii=False, indent=2))
    else:
        for verdict in verdicts:
            _say(verdict)
    return 0 if all(verdict["executable"] for verdict in verdicts) else 1


def _verdict(path: Path) -> dict[str, Any]:
    try:
        process = parse(path.read_bytes(), path.name)
    except RefusedProcess as refused:
        faults = [
            {"line": f.line, "element": f.element, "what": f.what, "remedy": f.remedy}
            for f in refused.faults
        ]
        return {"file": str(path), "executable": False, "faults": faults}
    return {"file": str(path), "executable": True, **_facts(process)}


def _facts(process: Model) -> dict[str, Any]:
    kinds: dict[str, int] = {}
    for node in process.nodes.values():
        kinds[node.kind.value] = kinds.get(node.kind.value, 0) + 1
    return {
        "process": process.key,
        "name": process.name,
        "nodes": dict(sorted(kinds.items())),
        "posts": sorted({lane.post for lane in process.lanes}),
        "calls": sorted({node.called for node in process.nodes.values() if node.called}),
        "decisions": sorted({n.decision for n in process.nodes.values() if n.decision}),
    }


def _say(verdict: dict[str, Any]) -> None:
    file = verdict["file"]
    if not verdict["executable"]:
        found = verdict["faults"]
        print(f"{file}: not executable, {len(found)} {'reason' if len(found) == 1 else 'reasons'}")
        for fault in found:
            print(f"  {fault['line']}: {fault['element']}: {fault['what']} {fault['remedy']}")
        return
    name = f" ({verdict['name']})" if verdict["name"] else ""
    print(f"{file}: executable: {verdict['process']}{name}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in verdict["nodes"].items())
    print(f"  {kinds}")
    for what in ("calls", "decisions"):
        if verdict[what]:
            print(f"  {what}: {', '.join(verdict[what])}")
