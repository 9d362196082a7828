"""Deployed definitions and their parsed models, kept in memory: both are immutable."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from threading import Lock
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.process.bpmn import parse
from kaitong.process.dmn import parse as parse_decisions
from kaitong.process.errors import ProcessNotFound
from kaitong.process.model import Model
from kaitong.process.models import Definition

_MOST = 512  # definitions kept at a time; beyond it the oldest read is dropped
_models: dict[UUID, Model] = {}
_lock = Lock()


def model_of(definition_id: UUID) -> Model:
    """The parsed model of a definition."""
    found = _models.get(definition_id)
    if found is not None:
        return found
    row = Definition.objects.filter(pk=definition_id).first()
    if row is None:
        raise ProcessNotFound(_("没有这个流程定义。"))
    decisions = {file: parse_decisions(text.encode(), file) for file, text in row.decisions.items()}
    model = parse(bytes(row.bpmn), row.file or row.key, decisions)
    model = replace(model, calls=row.calls)
    remember(definition_id, model)
    return model


def fingerprint(
    bpmn_hash: str, decisions: Mapping[str, bytes], calls: Mapping[str, UUID] | None = None
) -> str:
    """What a definition is known by: its file's hash, and of everything that is pinned with it."""
    if not decisions and not calls:
        return bpmn_hash
    total = hashlib.sha256(bpmn_hash.encode())
    for name, definition in sorted((calls or {}).items()):
        total.update(f"{name}={definition}\0".encode())
    for name, text in sorted(decisions.items()):
        total.update(name.encode() + b"\0" + hashlib.sha256(text).digest())
    return total.hexdigest()


def remember(definition_id: UUID, model: Model) -> None:
    with _lock:
        while len(_models) >= _MOST:
            _models.pop(next(iter(_models)))
        _models[definition_id] = model


def forget() -> None:
    """Drop every parsed model (tests whose database rows were rolled back)."""
    with _lock:
        _models.clear()
