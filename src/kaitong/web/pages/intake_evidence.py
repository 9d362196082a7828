"""Evidence at the counter: photos of documents, the face comparison, and what stands checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.documents.choices import SENSITIVE, AttachmentKind
from kaitong.documents.models import Attachment
from kaitong.ordering import evidence
from kaitong.ordering.requests import FaceData
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.party.choices import FaceResult, FaceSource
from kaitong.party.kinds import KindRule
from kaitong.web.forms import Field, Option, PhotoSlot

Data = Mapping[str, Any]
Faults = dict[str, list[str]]
Uploads = Mapping[str, Attachment]

INPUTS = ("face", "face_score", "face_reason")


@dataclass(frozen=True, slots=True)
class Tile:
    """One thing that is checked of a document, as the clerk sees it."""

    title: str
    tone: str
    icon: str
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What is on record of a known customer's newest document."""

    kind: str
    lacks: tuple[str, ...]
    reader_used: bool
    face: str
    score: Decimal | None
    until: date | None
    long_term: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence part of one person's panel."""

    photos: tuple[Field, ...] = ()
    face: tuple[Field, ...] = ()
    tiles: tuple[Tile, ...] = ()
    complete: bool = False  # a reader was used or every picture is there


def kept(actor: Actor, party_id: UUID, kinds: Sequence[KindRule]) -> Kept | None:
    """What a known customer's document still lacks; None when he has none."""
    newest = next(iter(parties.documents(actor, party_id)), None)
    if newest is None:
        return None
    return Kept(
        kind=newest.kind,
        lacks=() if newest.reader_used else tuple(evidence.missing(newest, kinds)),
        reader_used=newest.reader_used,
        face=newest.face,
        score=newest.face_score,
        until=newest.valid_until,
        long_term=newest.long_term,
    )


def of_person(
    data: Data,
    draft_id: UUID,
    uploads: Uploads,
    kinds: Sequence[KindRule],
    shown: Faults,
    wrong: Faults,
    *,
    prefix: str,
    organization: bool,
    face_pass: int,
    known: Kept | None = None,
) -> Evidence:
    """Photos asked for by the document's kind, the face comparison, and the tiles."""
    kind = known.kind if known is not None else str(data.get(prefix + "document_kind", ""))
    reader = known.reader_used if known is not None else bool(data.get(prefix + "reader"))
    if not kind:
        return Evidence()
    needed = (
        tuple(prefix + one for one in known.lacks)
        if known is not None
        else evidence.slots(kind, kinds, prefix)
    )
    photos = () if reader else tuple(_photo(slot, draft_id, uploads) for slot in needed)
    there = sum(slot in uploads for slot in needed)
    face = () if organization else tuple(_face(data, shown, prefix))
    tiles = [
        _validity(data, wrong, prefix, known),
        _pictures(reader, there, len(needed), known),
    ]
    if not organization:
        tiles.append(_likeness(data, wrong, prefix, known, face_pass))
    return Evidence(photos, face, tuple(tiles), reader or there == len(needed))


def letter(draft_id: UUID, uploads: Uploads) -> Field:
    """The letter of introduction of an organisation (VER-04)."""
    return _photo(evidence.LETTER, draft_id, uploads)


def check_face(found: Faults, data: Data, prefix: str, face_pass: int) -> None:
    """Faults of a face comparison that was entered by hand."""
    result = str(data.get(prefix + "face", ""))
    if not result or result == FaceResult.NOT_DONE:
        return

    def wrong(name: str, text: str) -> None:
        found.setdefault(prefix + name, []).append(text)

    if result not in FaceResult.values:
        wrong("face", _("没有这种比对结果。"))
    score = _score(data, prefix)
    if score is None and data.get(prefix + "face_score"):
        wrong("face_score", _("相似度请填 0 到 100。"))
    elif score is not None and result == FaceResult.PASSED and score < face_pass:
        wrong("face_score", _("相似度低于 %(pass)s，不能算通过。") % {"pass": face_pass})
    if not str(data.get(prefix + "face_reason", "")).strip():
        wrong("face_reason", _("请写明怎样比对的。"))


def face_data(data: Data, prefix: str) -> FaceData | None:
    """The comparison as `submit` takes it. The data has been checked."""
    result = str(data.get(prefix + "face", ""))
    if not result or result == FaceResult.NOT_DONE:
        return None
    return FaceData(
        result=result,
        source=FaceSource.BY_HAND,
        score=_score(data, prefix),
        reason=str(data.get(prefix + "face_reason", "")),
    )


# ---- inside --------------------------------------------------------------------------------------


def _photo(slot: str, draft_id: UUID, uploads: Uploads) -> Field:
    kind = evidence.kind_of(slot)
    upload = uploads.get(slot)
    url = reverse("web:intake_photo", args=[draft_id])
    return Field(
        slot,
        str(AttachmentKind(kind).label),
        "photo",
        value=str(upload.pk) if upload is not None else "",
        photo=PhotoSlot(
            f"{url}?slot={slot}",
            kind,
            kind in SENSITIVE,
            f"{timezone.localtime(upload.created_at):%H:%M}" if upload is not None else "",
        ),
    )


def _face(data: Data, shown: Faults, prefix: str) -> list[Field]:
    chosen = str(data.get(prefix + "face") or FaceResult.NOT_DONE.value)
    words = {
        FaceResult.NOT_DONE: _("未比对"),
        FaceResult.PASSED: _("通过"),
        FaceResult.FAILED: _("未通过"),
        FaceResult.UNAVAILABLE: _("不可用"),
    }
    options = tuple(Option(key.value, word, key.value == chosen) for key, word in words.items())
    fields = [Field(prefix + "face", _("人像比对"), "seg", options=options)]
    if chosen == FaceResult.NOT_DONE:
        return fields
    return [
        *fields,
        Field(
            prefix + "face_score",
            _("相似度"),
            "input",
            input_mode="decimal",
            value=data.get(prefix + "face_score", ""),
            max_length=6,
            errors=tuple(shown.get(prefix + "face_score", ())),
        ),
        Field(
            prefix + "face_reason",
            _("比对依据"),
            "input",
            value=data.get(prefix + "face_reason", ""),
            placeholder=_("如：读卡器无摄像头，当面核对照片"),
            max_length=120,
            required=True,
            errors=tuple(shown.get(prefix + "face_reason", ())),
        ),
    ]


def _validity(data: Data, wrong: Faults, prefix: str, known: Kept | None) -> Tile:
    title = _("证件有效期")
    if known is not None:
        if known.long_term or known.until is None:
            return Tile(title, "ok", "circle-check", _("长期"))
        good = known.until >= timezone.localdate()
        icon = "circle-check" if good else "circle-x"
        return Tile(title, "ok" if good else "late", icon, _("至 %(d)s") % {"d": known.until})
    until = str(data.get(prefix + "valid_until", ""))
    if wrong.get(prefix + "valid_until"):
        if until:
            return Tile(title, "late", "circle-x", _("至 %(d)s") % {"d": until})
        return Tile(title, "wait", "circle-dashed", _("未填"))
    text = _("至 %(d)s") % {"d": until} if until else _("长期")
    return Tile(title, "ok", "circle-check", text)


def _pictures(reader: bool, there: int, needed: int, known: Kept | None) -> Tile:
    title = _("证件影像")
    if reader:
        return Tile(title, "ok", "circle-check", _("已读卡"))
    if known is not None and not needed:
        return Tile(title, "ok", "circle-check", _("已留存"))
    if there == needed:
        return Tile(title, "ok", "circle-check", _("%(n)s 张已留存") % {"n": there})
    tone = "soon" if there else "wait"
    text = _("%(n)s / %(all)s 张") % {"n": there, "all": needed}
    return Tile(title, tone, "circle-dashed", text)


def _likeness(data: Data, wrong: Faults, prefix: str, known: Kept | None, face_pass: int) -> Tile:
    title = _("人像比对")
    result = str(data.get(prefix + "face") or "")
    score = _score(data, prefix)
    if (not result or result == FaceResult.NOT_DONE) and known is not None:
        result, score = known.face, known.score
    if not result or result == FaceResult.NOT_DONE:
        return Tile(title, "wait", "circle-dashed", _("未比对"))
    if wrong.get(prefix + "face_reason") or wrong.get(prefix + "face_score"):
        return Tile(title, "soon", "circle-dashed", _("还没填全"))
    tone, icon = {
        FaceResult.PASSED.value: ("ok", "circle-check"),
        FaceResult.FAILED.value: ("late", "circle-x"),
    }.get(result, ("soon", "alert-circle"))
    said = {
        FaceResult.PASSED.value: _("通过"),
        FaceResult.FAILED.value: _("未通过"),
    }.get(result, _("不可用"))
    if score is None:
        return Tile(title, tone, icon, said)
    text = _("相似度 %(score)s") % {"score": f"{score.normalize():f}"}
    if score < face_pass:
        text += _("，须 ≥ %(pass)s") % {"pass": face_pass}
    return Tile(title, tone, icon, text)


def _score(data: Data, prefix: str) -> Decimal | None:
    try:
        score = Decimal(str(data.get(prefix + "face_score") or "x"))
    except InvalidOperation:
        return None
    return score if score.is_finite() and 0 <= score <= 100 else None
