"""Every sentence that machines store without asking gettext can be read in English.

One that fails here wants its template in `sentences.py` of its package, and the English of that.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.utils.translation import override

from kaitong.core import wording

SOURCE = Path(wording.__file__).resolve().parents[1]
CJK = re.compile("[\u4e00-\u9fff]")
GETTEXT = {"_", "gettext", "gettext_lazy", "gettext_noop"}


def english(text: str) -> str:
    with override("en"):
        return wording.read(text)


# Not stored, or not sentences: words of dictionaries, names of data, parts that a template holds.
NOT_SENTENCES = {"未知", "系统", r"0\s*(h|hours?|minutes?|小时|分钟)?"}


def _sentences(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skip: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            skip |= {id(inner) for inner in ast.walk(body[0])}
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in GETTEXT:
                skip |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skip:
            continue
        if isinstance(node, ast.JoinedStr):
            skip |= {id(inner) for inner in ast.walk(node)}
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "x7" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


FILES = [
    *(SOURCE / "assurance" / name for name in ("actions.py", "causes.py", "states.py")),
    *sorted((SOURCE / "activation").rglob("*.py")),
    *(p for p in sorted((SOURCE / "process").rglob("*.py")) if p.name != "bpmn_nodes.py"),
    *(SOURCE / "ordering" / name for name in ("actions.py", "drafts.py", "intake.py")),
    SOURCE / "inventory" / "upkeep.py",
]


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if not {"tests", "migrations"} & set(p.parts) and p.name != "apps.py"],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_every_sentence_of_the_machines_has_english(path):
    missing = [
        text
        for text in _sentences(path)
        if CJK.search(text) and text not in NOT_SENTENCES and CJK.search(english(text))
    ]
    assert missing == []
