"""`import`: 100,000 addresses and a network of as many rows, from file to tables; and once more.

The peer is what the database alone needs: COPY of the very same rows, ready made, into a table of
the same shape with the same indexes and checks.
"""

from __future__ import annotations

import csv
import io
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

from kaitong.bench import world
from kaitong.bench.figures import Figure, say
from kaitong.bench.place import Place
from kaitong.org.actor import Actor
from kaitong.org.queries import branch_by_code
from kaitong.transfer import tables
from kaitong.transfer.importing import Outcome, bring_in
from kaitong.transfer.kinds import layout

SECONDS = 60.0
_ROOMS, _BOXES_A_PON = 8, 8
_HEAD = ("地址编码", "省", "市", "区县", "乡镇街道", "道路或村", "小区或门牌号", "楼栋", "单元",
         "房号", "覆盖")  # fmt: skip
_PLANT_HEAD = ("类型", "名称", "上级", "所接PON口", "用户端口数", "地址编码")


@dataclass(frozen=True, slots=True)
class Size:
    rows: int = 100_000


SMALL = Size(rows=400)


def run(place: Place, size: Size) -> list[Figure]:
    """Import both files twice; the peer copies what came of the first."""
    migrated = place.template(
        "migrated", world.migrate, shaped_by=("src/kaitong/*/migrations/*.py",)
    )
    with (
        tempfile.TemporaryDirectory(prefix="kaitong-bench-") as folder,
        place.database("bench_import", migrated),
    ):
        if not place.borrowed:
            world.people_and_playbooks()
        addresses = Path(folder) / "addresses.csv"
        book = Path(folder) / "addresses.xlsx"
        plant = Path(folder) / "plant.csv"
        rows = [_HEAD, *_addresses(size.rows)]
        _csv(addresses, rows)
        _xlsx(book, rows)
        _csv(plant, [_PLANT_HEAD, *_plant(size.rows)])
        took, outcome = _import("addresses", book)
        again, repeated = _import("addresses", addresses)
        alone = _copied("places_address")
        network, laid = _import("plant", plant)
    _must(outcome.added == size.rows and repeated.same == size.rows, outcome)
    _must(laid.written and not repeated.added and not repeated.changed, laid)
    return [
        Figure("import: addresses, XLSX", took, "s", "<=", SECONDS, note=f"{size.rows:,} rows"),
        Figure("import: the same again, CSV", again, "s", "<=", SECONDS, note="changes nothing"),
        Figure("import: COPY of the same rows", alone, "s", note="the peer: the database alone"),
        Figure("import: times the peer", took / alone, "times"),
        Figure("import: speed", size.rows / took, "rows/s"),
        Figure(
            "import: network and coverage, CSV",
            network,
            "s",
            "<=",
            SECONDS,
            note=f"{laid.rows:,} rows, {laid.added:,} resources and pairs",
        ),
    ]


def _must(right: bool, outcome: Outcome) -> None:
    if not right:
        raise AssertionError(f"The import went wrong: {outcome.faults[:3]}")


def _import(kind: str, path: Path) -> tuple[float, Outcome]:
    """Seconds from the file to the commit, and what came of it."""
    branch = branch_by_code("XN").pk
    say(f"importing {path.name}")
    begun = time.perf_counter()
    outcome = bring_in(
        actor=Actor.system(branch_id=branch),
        branch_id=branch,
        layout=layout(kind),
        table=tables.load(path),
        name=path.name,
    )
    return time.perf_counter() - begun, outcome


def _copied(table: str) -> float:
    """Seconds to COPY the rows of a table into one of the same shape."""
    block = io.BytesIO()
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY {table} TO STDOUT") as out:
            for part in out:
                block.write(part)
        cursor.execute(f"CREATE TABLE bench_copy (LIKE {table} INCLUDING ALL)")
        begun = time.perf_counter()
        with cursor.copy("COPY bench_copy FROM STDIN") as copy:
            copy.write(block.getvalue())
        took = time.perf_counter() - begun
        cursor.execute("DROP TABLE bench_copy")
    return took


def _addresses(count: int) -> Iterator[tuple[str, ...]]:
    for number in range(count):
        box, room = divmod(number, _ROOMS)
        estate, within = divmod(box, 100)
        yield (
            f"I{number:07d}",
            "安徽省",
            "黄山市",
            "休宁县",
            "海阳镇",
            f"齐云大道{estate % 400 + 1}号",
            f"导入花园{estate + 1}区",
            f"{within // 4 + 1}栋",
            f"{within % 4 + 1}单元",
            f"{room // 2 + 1}0{room % 2 + 1}室",
            "未覆盖",
        )


def _plant(count: int) -> Iterator[tuple[str | int, ...]]:
    """Rows of boxes and of what they cover, so many in all, and the OLTs they hang on."""
    yield "站点", "导入机房", "", "", "", ""
    olts: set[int] = set()
    for box in range(count // (_ROOMS + 1)):
        olt, pon = divmod(box // _BOXES_A_PON, 256)
        fed = f"导入机房>IM-OLT-{olt + 1:02d}"
        if olt not in olts:
            olts.add(olt)
            yield "OLT", f"IM-OLT-{olt + 1:02d}", "导入机房", "", "", ""
        if box % _BOXES_A_PON == 0:
            yield "PON口", f"0/{pon // 16 + 1}/{pon % 16}", fed, "", "", ""
        name = f"POS-{box:05d}"
        pon_path = f"{fed}>0/{pon // 16 + 1}/{pon % 16}"
        yield "分光器", name, "导入机房", pon_path, _ROOMS, ""
        for room in range(_ROOMS):
            yield "覆盖", "", f"导入机房>{name}", "", "", f"I{box * _ROOMS + room:07d}"


def _csv(path: Path, rows: list[tuple[str | int, ...]] | list[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="gb18030") as file:
        csv.writer(file).writerows(rows)


def _xlsx(path: Path, rows: list[tuple[str, ...]]) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
