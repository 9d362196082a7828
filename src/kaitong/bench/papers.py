"""`papers`: sheets a second: setting the PDF alone, and issued, set and kept with its order.

Its peer is an almost empty sheet by the same Typst with the same fonts: what a PDF costs at all.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaitong.bench.figures import Figure, median, say
from kaitong.bench.orders import world_template
from kaitong.bench.place import Place
from kaitong.core.home import library
from kaitong.core.ids import uuid7
from kaitong.documents import render
from kaitong.documents import services as documents
from kaitong.org.queries import actor_of

KINDS = ("receipt", "voucher", "work-order")
A_SECOND = 5.0


@dataclass(frozen=True, slots=True)
class Size:
    sheets: int = 12
    rounds: int = 3


SMALL = Size(sheets=2, rounds=1)


def run(place: Place, size: Size) -> list[Figure]:
    """Papers a second of each kind, in turn with the empty sheet."""
    folder = library() / "home-broadband" / "papers"
    samples: dict[str, Any] = {
        kind: json.loads((folder / f"{kind}.json").read_text(encoding="utf-8")) for kind in KINDS
    }
    speeds: dict[str, list[float]] = {kind: [] for kind in (*KINDS, "empty", "kept")}
    with place.database("bench_papers", world_template(place)), tempfile.TemporaryDirectory() as t:
        (Path(t) / "empty.typ").write_text(
            "开通 #json(bytes(sys.inputs.json)).number\n", encoding="utf-8"
        )
        for kind in KINDS:  # fonts and templates are in memory
            _set(kind, samples[kind])
        for number in range(size.rounds):
            say(f"papers, round {number + 1}/{size.rounds}")
            speeds["empty"].append(_speed(size.sheets, lambda: _empty(Path(t))))
            for kind in KINDS:
                speeds[kind].append(
                    _speed(size.sheets, lambda kind=kind: _set(kind, samples[kind]))
                )
            speeds["kept"].append(_speed(size.sheets, lambda: _keep(samples["receipt"])))
    empty = median(speeds["empty"])
    figures = [Figure("papers: empty sheet by Typst", empty, "papers/s", note="peer")]
    for kind in KINDS:
        found = median(speeds[kind])
        note = f"{empty / found:.1f} times the empty sheet's time"
        figures.append(Figure(f"papers: {kind}", found, "papers/s", ">=", A_SECOND, note))
    kept = median(speeds["kept"])
    figures.append(
        Figure("papers: receipt issued, set, kept", kept, "papers/s", ">=", A_SECOND, "durable")
    )
    return figures


def _speed(sheets: int, make: Any) -> float:
    begun = time.perf_counter()
    for _number in range(sheets):
        make()
    return sheets / (time.perf_counter() - begun)


def _empty(folder: Path) -> bytes:
    return render.render("empty.typ", {"number": uuid7().hex}, folder)


def _set(kind: str, data: dict[str, Any]) -> bytes:
    """A sheet nobody has seen before: Typst remembers what it has set, down to a line."""
    code = uuid7().hex[-12:].upper()
    paper = {**data["paper"], "number": f"B{code}", "verify_code": code}
    return render.render(f"home-broadband/papers/{kind}.typ", {**data, "paper": paper})


def _keep(data: dict[str, Any]) -> bytes:
    """As the counter does: number it, seal its data, make the PDF, keep it encrypted."""
    actor = actor_of("clerk")
    paper = documents.issue(
        actor=actor,
        order_id=uuid7(),
        kind="receipt",
        title="业务受理单",
        template="home-broadband/papers/receipt.typ",
        data=data,
        number=documents.NumberRule("bench", "B{yymmdd}-{seq:6}"),
    )
    return documents.pdf(actor, paper.pk)
