"""Variables of an instance as a token sees them, in its scope (see `scopes`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from kaitong.process import scopes
from kaitong.process.models import Instance, Token


def variables_at(instance: Instance, token_id: UUID) -> Mapping[str, Any]:
    """Those of the scope before those further out; of a token that is gone, the instance's own."""
    whole: Mapping[str, Any] = instance.variables
    if not instance.scopes:
        return whole
    inside, _opened = scopes.read(instance.scopes)
    scope = Token.objects.filter(pk=token_id).values_list("scope", flat=True).first()
    return scopes.seen(inside, scopes.sight(inside, token_id, scope or scopes.ROOT), whole)
