"""流程说明书: a process as a sheet to print, made from its BPMN file and the playbook's words.

Picture, step table (流程环节、责任角色、本环节具体工作及职责、时限、去向), decisions with their
conditions, events, time limits and forms. Nothing stands here that the file does not say, so what
is printed is what runs.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from kaitong.documents import render
from kaitong.playbooks import queries
from kaitong.playbooks.handbook_rows import Rows, Source, documentation
from kaitong.playbooks.model import Playbook
from kaitong.process import layout
from kaitong.process import queries as process
from kaitong.process.bpmn_xml import read

__all__ = ["Source", "contents", "of_definition", "of_playbook", "pdf"]

TEMPLATE = "common/papers/handbook.typ"


def of_definition(definition_id: UUID) -> Source:
    """A deployed process, in the version that was deployed with it."""
    found = process.definition(definition_id)
    version = queries.current(found.playbook)
    content = queries.content(found.playbook, version.hash) if version is not None else {}
    return Source(
        bytes(found.bpmn),
        found.playbook,
        version.title if version is not None else found.playbook,
        found.hash,
        content.get("posts", {}),
        content.get("parameters", {}),
        content.get("forms", {}),
    )


def of_playbook(book: Playbook, key: str) -> Source:
    """A process of a playbook's folder, deployed or not."""
    return Source(
        book.bpmn[key],
        book.key,
        book.title,
        book.hash,
        book.content["posts"],
        book.content.get("parameters", {}),
        {file: form.content for file, form in book.forms.items()},
    )


def pdf(source: Source, *, now: datetime) -> bytes:
    """The handbook as PDF/A."""
    return render.render_sources(render.read_sources(TEMPLATE), contents(source, now=now), at=now)


def contents(source: Source, *, now: datetime) -> dict[str, Any]:
    """What the sheet shows, as the template takes it."""
    root = read(source.bpmn)
    picture = layout.picture(source.bpmn)
    book = Rows(source, root, picture)
    first = root.first("process") or root
    return {
        "title": first.get("name") or first.id,
        "key": first.id,
        "playbook": source.title,
        "playbook_key": source.playbook,
        "version": source.version[:12],
        "printed_at": timezone.localtime(now).strftime("%Y-%m-%d %H:%M"),
        "documentation": documentation(first),
        "picture": _picture(picture),
        "posts": book.lanes(),
        "steps": book.steps(),
        "gateways": book.gateways(),
        "events": book.events(),
        "parameters": book.parameters(),
        "forms": book.forms(),
    }


def _picture(picture: layout.Picture) -> dict[str, Any]:
    return {
        "box": asdict(picture.box),
        "shapes": [
            {
                "id": shape.id,
                "tag": shape.tag,
                "name": shape.name,
                **asdict(shape.box),
                "label": asdict(shape.label) if shape.label else None,
                "marks": dict(shape.marks),
            }
            for shape in picture.shapes
        ],
        "edges": [
            {
                "tag": edge.tag,
                "name": edge.name,
                "points": edge.points,
                "label": asdict(edge.label) if edge.label else None,
                "marks": dict(edge.marks),
            }
            for edge in picture.edges
        ],
    }
