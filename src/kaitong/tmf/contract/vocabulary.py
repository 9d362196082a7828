"""The words in which a TM Forum resource is declared: structures, attributes, enumerations.

A declaration is plain data. From it come the models that check a request (`models.py`), the
schemas of our OpenAPI, and what a filter or a selection may name. Nothing here knows HTTP.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Kind(StrEnum):
    """What a simple attribute holds."""

    TEXT = "text"
    WHOLE = "whole"  # an integer
    FLAG = "flag"  # true or false
    DATE = "date"  # RFC 3339 date and time with an offset, kept exactly as it was sent
    LINK = "link"  # a URI, or a reference relative to one
    ANY = "any"  # any JSON value


@dataclass(frozen=True)
class Enumeration:
    """A closed list of words."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Attribute:
    """One attribute of a structure.

    `type` is a `Kind`, an `Enumeration`, or the name of another structure (names allow a structure
    to hold itself). `longest` is the number of characters Kaitong keeps (0: no bound).
    `by_server` says that only the server gives the value: a request that sends it is not refused,
    the value is not taken.
    """

    name: str
    type: Kind | Enumeration | str
    meaning: str = ""
    many: bool = False
    mandatory: bool = False
    at_least: int = 0
    longest: int = 0
    by_server: bool = False

    @property
    def is_simple(self) -> bool:
        """True when the value is one word, number or date and can be compared in a filter."""
        return (
            not self.many
            and isinstance(self.type, Kind | Enumeration)
            and self.type is not Kind.ANY
        )


@dataclass(frozen=True)
class Structure:
    """A named group of attributes."""

    name: str
    meaning: str
    attributes: tuple[Attribute, ...]

    def __iter__(self) -> Iterator[Attribute]:
        return iter(self.attributes)

    def get(self, name: str) -> Attribute | None:
        """The attribute of that name, or None."""
        return next((item for item in self.attributes if item.name == name), None)

    def for_creation(self, *mandatory: str, at_least: dict[str, int] | None = None) -> "Structure":
        """What a client may send to create one: everything the server does not own."""
        counts = at_least or {}
        return Structure(
            f"{self.name}_Create",
            f"{self.meaning} (as a request)",
            tuple(
                replace(
                    item,
                    mandatory=item.name in mandatory,
                    at_least=counts.get(item.name, item.at_least),
                )
                for item in self.attributes
                if not item.by_server
            ),
        )

    def answering(self, *mandatory: str) -> "Structure":
        """The same structure, promising these attributes in every answer."""
        return replace(
            self,
            attributes=tuple(
                replace(item, mandatory=item.mandatory or item.name in mandatory)
                for item in self.attributes
            ),
        )


@dataclass(frozen=True)
class Contract:
    """One TM Forum interface as Kaitong serves it."""

    number: str  # "TMF641"
    version: str  # of the published contract
    title: str
    base_path: str  # below the host
    resource: Structure
    creation: Structure | None
    structures: dict[str, Structure] = field(default_factory=dict)

    @property
    def collection(self) -> str:
        """The path segment of the resource: ServiceOrder -> serviceOrder."""
        return self.resource.name[0].lower() + self.resource.name[1:]

    def structure(self, name: str) -> Structure:
        """The structure of that name; KeyError if the declaration forgot it."""
        return self.resource if name == self.resource.name else self.structures[name]


# -- short hands, so that a declaration reads as a list ------------------------------------------


def text(name: str, meaning: str = "", longest: int = 0, **more: bool) -> Attribute:
    """A string."""
    return Attribute(name, Kind.TEXT, meaning, longest=longest, **more)


def link(name: str, meaning: str = "", **more: bool) -> Attribute:
    """A URI or a relative reference."""
    return Attribute(name, Kind.LINK, meaning, **more)


def date(name: str, meaning: str = "", **more: bool) -> Attribute:
    """An RFC 3339 date and time."""
    return Attribute(name, Kind.DATE, meaning, **more)


def flag(name: str, meaning: str = "", **more: bool) -> Attribute:
    """True or false."""
    return Attribute(name, Kind.FLAG, meaning, **more)


def whole(name: str, meaning: str = "", **more: bool) -> Attribute:
    """An integer."""
    return Attribute(name, Kind.WHOLE, meaning, **more)


def choice(name: str, of: Enumeration, meaning: str = "", **more: bool) -> Attribute:
    """One word of a closed list."""
    return Attribute(name, of, meaning, **more)


def one(name: str, of: str, meaning: str = "", **more: bool) -> Attribute:
    """One nested structure."""
    return Attribute(name, of, meaning, **more)


def many(name: str, of: str, meaning: str = "", at_least: int = 0, **more: bool) -> Attribute:
    """A list of nested structures."""
    return Attribute(name, of, meaning, many=True, at_least=at_least, **more)


#: Every extensible structure may say what it is, what that extends, and where its schema stands.
TYPED = (
    text("@baseType", "the class an extension is derived from"),
    link("@schemaLocation", "where the schema of an extension can be read"),
    text("@type", "the class of this structure"),
)
#: A reference also says the class of what it points at.
REFERRED = (*TYPED, text("@referredType", "the class of what is referred to"))


def structures(*items: Structure) -> dict[str, Structure]:
    """Structures by name; refuses to declare one twice."""
    named = {item.name: item for item in items}
    if len(named) != len(items):
        raise ValueError("a structure is declared twice")
    return named
