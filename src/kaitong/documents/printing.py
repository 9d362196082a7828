"""Papers on their way to a printer or a screen: many in one PDF, a void one marked."""

from __future__ import annotations

import re
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import typst
from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core.locks import lock_rows
from kaitong.documents import render, services
from kaitong.documents.choices import PaperState
from kaitong.documents.errors import DocumentsNotFound, PaperError
from kaitong.documents.models import Paper, Template
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to

MOST_AT_ONCE = 200
_COUNT = re.compile(rb"/Type\s*/Pages[^>]*?/Count\s+(\d+)|/Count\s+(\d+)[^>]*?/Type\s*/Pages")
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)


def to_look_at(actor: Actor, paper_id: UUID) -> bytes:
    """The PDF for a screen, not counted: the kept original; a void paper carries 作废."""
    paper = services.own_paper(actor, paper_id)
    original = services.pdf(actor, paper_id)
    return original if paper.state != PaperState.VOID else services.marked(paper, "作废")


def unnumbered(*, template_hash: str, data: Mapping[str, Any]) -> bytes:
    """A sheet of a kept template that is no issued paper: a blank one, or one yet to be signed."""
    row = Template.objects.filter(pk=template_hash).first()
    if row is None:
        raise PaperError(_("没有这个单据模板。"), _("请重新部署业务流程包。"))
    sources = render.Sources(row.main, tuple(sorted(row.files.items())))
    return render.render_sources(sources, data)


def print_together(*, actor: Actor, paper_ids: Sequence[UUID], note: str = "") -> bytes:
    """One PDF of many papers in this order, each counted and marked as `print_copy` does.

    All are set before any is counted: a sheet that cannot be made leaves every count as it was.
    `note` is printed on a page of its own at the end.
    """
    wanted = list(dict.fromkeys(paper_ids))
    if not wanted:
        raise PaperError(_("没有可打印的单据。"), _("先选择有单据的工单。"))
    if len(wanted) > MOST_AT_ONCE:
        raise PaperError(
            _("一次最多打印 %(most)s 张。") % {"most": MOST_AT_ONCE}, _("分几次打印。")
        )
    originals = {paper_id: services.pdf(actor, paper_id) for paper_id in wanted}
    with transaction.atomic():
        rows = lock_rows(visible_to(Paper.objects.all(), actor), wanted)
        if len(rows) < len(wanted):
            raise DocumentsNotFound(_("没有这张单据。"), _("请核对编号和所在分公司。"))
        for paper in rows:
            paper.printed += 1
        Paper.objects.bulk_update(rows, ["printed"])
        papers = {paper.pk: paper for paper in rows}
        sheets = [services.copy_of(papers[i], originals[i]) for i in wanted]
        return bind(sheets, note)


def bind(sheets: Sequence[bytes], note: str = "") -> bytes:
    """Several PDFs as one, page by page as they are."""
    lines = ["#set page(width: auto, height: auto, margin: 0pt)", "#set document(title: none)"]
    pages = [
        (n, page) for n, sheet in enumerate(sheets) for page in range(1, page_count(sheet) + 1)
    ]
    lines.append("\n#pagebreak()\n".join(f'#image("{n}.pdf", page: {p})' for n, p in pages))
    if note:
        lines.append('#page(paper: "a4", margin: 25mm)[#sys.inputs.note]')
    with tempfile.TemporaryDirectory(prefix="kaitong-print-") as folder:
        for number, sheet in enumerate(sheets):
            (Path(folder) / f"{number}.pdf").write_bytes(sheet)
        main = Path(folder) / "main.typ"
        main.write_text("\n".join(lines), encoding="utf-8")
        made = typst.compile(
            str(main),
            root=folder,
            font_paths=render.fonts(),
            sys_inputs={"note": note},
            format="pdf",
        )
    assert isinstance(made, bytes)
    return made


def page_count(sheet: bytes) -> int:
    """How many pages a PDF of ours has: the count of its page tree, wherever that is kept."""
    texts = [sheet]
    for stream in _STREAM.findall(sheet):
        try:
            texts.append(zlib.decompress(stream))
        except zlib.error:
            continue
    counts = [int(a or b) for text in texts for a, b in _COUNT.findall(text)]
    if not counts:
        raise PaperError(_("单据的 PDF 读不懂。"), _("请重新打印。"))
    return max(counts)
