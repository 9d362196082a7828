"""Decisions against the test cases of the DMN Technology Compatibility Kit, compliance level 2.

They stand in the shared folder (KAITONG_SHARED) and count as missing without it.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from kaitong.process.dmn import Decisions, parse
from kaitong.process.dmn.names import alias

RESULTS = 126  # expected results of the kit's cases
# Results not passing, each with the reason: none.
NOT_PASSING: dict[str, str] = {}

_TEST = "{http://www.omg.org/spec/DMN/20160719/testcase}"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_READ = {
    "string": str,
    "decimal": Decimal,
    "double": Decimal,
    "integer": Decimal,
    "boolean": lambda text: text == "true",
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "dateTime": datetime.fromisoformat,
}


def value_of(holder: ElementTree.Element) -> Any:
    """What a test case gives or expects."""
    single = holder.find(f"{_TEST}value")
    if single is not None:
        if single.get(f"{_XSI}nil") == "true":
            return None
        kind = single.get(f"{_XSI}type", "xsd:string").rpartition(":")[2]
        return _READ[kind]((single.text or "").strip())
    items = holder.find(f"{_TEST}list")
    if items is not None:
        return [value_of(item) for item in items.findall(f"{_TEST}item")]
    parts = holder.findall(f"{_TEST}component")
    return {alias(part.get("name", "")): value_of(part) for part in parts} or None


def same(made: Any, expected: Any) -> bool:
    if isinstance(expected, Decimal) and made is not None:
        # as the kit's own runners do: the published results are rounded
        return abs(Decimal(made) - expected) < Decimal("1e-8")
    if isinstance(expected, list):
        return (
            isinstance(made, list)
            and len(made) == len(expected)
            and all(same(a, b) for a, b in zip(made, expected, strict=True))
        )
    if isinstance(expected, dict):
        return (
            isinstance(made, dict)
            and made.keys() == expected.keys()
            and all(same(made[key], expected[key]) for key in expected)
        )
    return bool(made == expected)


def outcomes(folder: Path) -> dict[str, bool]:
    """Every result of every case of a folder: whether it is the expected one."""
    found: dict[str, bool] = {}
    for file in sorted(folder.glob("*.xml")):
        tree = ElementTree.parse(file)
        model = tree.findtext(f"{_TEST}modelName", "")
        decisions: Decisions = parse((folder / model).read_bytes(), model)
        for case in tree.getroot().findall(f"{_TEST}testCase"):
            given = {
                alias(node.get("name", "")): value_of(node)
                for node in case.findall(f"{_TEST}inputNode")
            }
            for node in case.findall(f"{_TEST}resultNode"):
                expected = node.find(f"{_TEST}expected")
                wanted = value_of(expected) if expected is not None else None
                made = decisions.evaluate(node.get("name", ""), given)
                key = f"{folder.name}/{case.get('id')}/{node.get('name')}"
                found[key] = same(made, wanted)
    return found


@pytest.mark.shared
def test_cases_of_compliance_level_2(shared: Path) -> None:
    folders = sorted((shared / "standards" / "dmn-tck" / "compliance-level-2").iterdir())
    found: dict[str, bool] = {}
    for folder in folders:
        found |= outcomes(folder)
    failing = {key for key, passed in found.items() if not passed}
    assert failing == set(NOT_PASSING)
    assert len(found) == RESULTS
