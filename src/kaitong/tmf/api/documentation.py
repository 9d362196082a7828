"""The parts of an interface's OpenAPI that follow from its declaration, not from a signature."""

from typing import Any

from pydantic import BaseModel

from kaitong.tmf.contract.vocabulary import Contract, Enumeration, Kind

COUNT_HEADERS = {
    "X-Total-Count": {
        "description": "how many there are in all",
        "schema": {"type": "integer"},
    },
    "X-Result-Count": {
        "description": "how many this answer holds",
        "schema": {"type": "integer"},
    },
}
LOCATION_HEADER = {
    "Location": {
        "description": "where the new resource can be read; equal to its href",
        "schema": {"type": "string", "format": "uri-reference"},
    }
}
_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.TEXT: {"type": "string"},
    Kind.LINK: {"type": "string"},
    Kind.DATE: {"type": "string", "format": "date-time"},
    Kind.FLAG: {"type": "boolean"},
    Kind.WHOLE: {"type": "integer"},
}
LARGEST = 2**31 - 1
FIELDS = "first-level attributes to answer, parted by commas; id and href always"
OFFSET = "how many to leave out"
LIMIT = "how many to answer at most"
FILTERING = (
    "Filters are ANDed and may name any first-level attribute, `attribute=value`; dates and texts "
    "kept in columns also `attribute.gt`, `.gte`, `.lt`, `.lte`; a part of a nested attribute by a "
    "dotted path. A quoted value equals the bare one. Newest first."
)


def filter_parameters(contract: Contract, but: frozenset[str]) -> list[dict[str, Any]]:
    """One optional query parameter for every simple first-level attribute that can be filtered."""
    found = []
    for item in contract.resource:
        if not item.is_simple or item.name in but:
            continue
        kind = item.type
        schema = (
            {"type": "string", "enum": list(kind.values)}
            if isinstance(kind, Enumeration)
            else dict(_TYPES[Kind(kind)])
        )
        found.append(
            {
                "in": "query",
                "name": item.name,
                "required": False,
                "description": "only those with this value",
                "schema": schema,
            }
        )
    return found


def with_headers(*statuses: int, headers: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Headers of the answers with these statuses, as `openapi_extra` takes them."""
    return {status: {"headers": headers} for status in statuses}


def failing(error: type[BaseModel], *statuses: int) -> dict[int, type[BaseModel]]:
    """Every failing answer has the same body."""
    return dict.fromkeys(statuses, error)
