"""Words of JSON Schema that every part of a playbook's vocabulary is written with."""

from __future__ import annotations

from typing import Any

KEY: dict[str, Any] = {"type": "string", "pattern": "^[a-z][a-z0-9_-]*$"}
TITLE: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 60}


def closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """An object with these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def list_of(item: dict[str, Any]) -> dict[str, Any]:
    """A list with at least one of these."""
    return {"type": "array", "minItems": 1, "items": item}
