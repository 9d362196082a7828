"""What versions of a playbook deploy: a row a version, of each playbook at most one in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import models, transaction

from kaitong.core.clock import now

Row = TypeVar("Row", bound=models.Model)


@transaction.atomic
def put_in_force(
    model: type[Row], *, playbook: str, playbook_hash: str, values: Mapping[str, Any] | None
) -> Row | None:
    """Make a version's row the one in force, retiring those before; without values none is.

    `model` has `playbook`, `playbook_hash` and `retired_at`. What a version once deployed stays as
    it was: a second time `values` are not looked at.
    """
    rows = model._default_manager.filter(playbook=playbook)
    rows.filter(retired_at=None).exclude(playbook_hash=playbook_hash).update(retired_at=now())
    if values is None:
        rows.filter(retired_at=None).update(retired_at=now())
        return None
    row, _made = rows.get_or_create(
        playbook=playbook, playbook_hash=playbook_hash, defaults=dict(values)
    )
    if row.retired_at is not None:  # type: ignore[attr-defined]
        row.retired_at = None  # type: ignore[attr-defined]
        row.save(update_fields=["retired_at"])
    return row
