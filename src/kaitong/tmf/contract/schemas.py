"""From declarations to Pydantic models: what django-ninja checks requests by and publishes.

The models check; they are not a copy of the data. A checked body stays the dict that was sent, so
extension attributes and the spelling of dates survive.
"""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from kaitong.tmf.contract.vocabulary import Attribute, Contract, Enumeration, Kind, Structure

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:(?P<second>\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})"
)
# RFC 3986, loosely: only characters a URI may hold, every % followed by two hexadecimal digits.
_LINK = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*")


class Wire(BaseModel):
    """Base of every generated model: unknown attributes are welcome, null means absent."""

    model_config = ConfigDict(extra="allow", strict=True, populate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: item for key, item in value.items() if item is not None}
        return value


def parse_date(value: str) -> datetime:
    """The moment an RFC 3339 text names, in UTC; ValueError for anything else.

    A leap second (":60") is read as second 59, since Python and PostgreSQL know none.
    """
    match = _RFC3339.fullmatch(value)
    if match is None:
        raise ValueError("not an RFC 3339 date and time")
    text = value.upper()
    if match["second"] == "60":
        text = text[:17] + "59" + text[19:]
    # Python 3.11 reads at most six digits of a second.
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    try:
        # In UTC: PostgreSQL refuses offsets of sixteen hours and more, which RFC 3339 lets in.
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of the calendar") from None


def _dated(value: str) -> str:
    try:
        parse_date(value)
    except ValueError:
        raise PydanticCustomError(
            "date", "is not a date and time such as 2026-11-22T09:00:00+08:00"
        ) from None
    return value


def _linked(value: str) -> str:
    if not _LINK.fullmatch(value):
        raise PydanticCustomError("link", "is not a URI")
    return value


def _not_blank(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise PydanticCustomError("blank", "is mandatory and may not be blank")
    return value


_SIMPLE: dict[Kind, Any] = {
    Kind.TEXT: str,
    Kind.WHOLE: int,
    Kind.FLAG: bool,
    Kind.ANY: Annotated[Any, WithJsonSchema({})],
    Kind.DATE: Annotated[
        str,
        Field(json_schema_extra={"format": "date-time"}),
        BeforeValidator(lambda value: _dated(value) if isinstance(value, str) else value),
    ],
    Kind.LINK: Annotated[
        str,
        Field(json_schema_extra={"format": "uri-reference"}),
        BeforeValidator(lambda value: _linked(value) if isinstance(value, str) else value),
    ],
}


def _field_name(attribute: str) -> str:
    """A Python name: "@type" becomes "at_type"."""
    return attribute.replace("@", "at_")


def _annotation(item: Attribute) -> Any:
    hint: Any
    if isinstance(item.type, Kind):
        hint = _SIMPLE[item.type]
        if item.mandatory and item.type is Kind.TEXT:
            hint = Annotated[str, BeforeValidator(_not_blank)]
        return list[hint] if item.many else hint
    name = item.type.name if isinstance(item.type, Enumeration) else item.type
    return f"list['{name}']" if item.many else name


def _definition(item: Attribute) -> tuple[Any, Any]:
    extra: dict[str, Any] = {"alias": item.name}
    if item.meaning:
        extra["description"] = item.meaning
    if item.at_least:
        extra["min_length"] = item.at_least
    if item.longest:
        extra["max_length"] = item.longest
    if item.mandatory and item.type is Kind.TEXT:
        extra["json_schema_extra"] = {"minLength": 1, "pattern": r"\S"}
    return _annotation(item), Field(... if item.mandatory else None, **extra)


@cache
def _enumeration(item: Enumeration) -> Any:
    """The words as a named type, so that the list stands as a component of its own."""
    return TypeAliasType(item.name, Literal[item.values])


def build(contract: Contract) -> dict[str, type[BaseModel]]:
    """Every model of a contract by name, references resolved."""
    wanted: list[Structure] = [contract.resource, *contract.structures.values()]
    if contract.creation is not None:
        wanted.append(contract.creation)
    space: dict[str, Any] = {}
    for structure in wanted:
        for item in structure:
            if isinstance(item.type, Enumeration):
                space[item.type.name] = _enumeration(item.type)
    for structure in wanted:
        fields: dict[str, Any] = {_field_name(item.name): _definition(item) for item in structure}
        space[structure.name] = create_model(
            structure.name, __base__=Wire, __doc__=structure.meaning, __module__=__name__, **fields
        )
    models = {structure.name: space[structure.name] for structure in wanted}
    for model in models.values():
        model.model_rebuild(_types_namespace=space)
    return models
