"""A light XML tree that knows its line numbers, read without DTDs, entities or outside parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

MAX_BYTES = 4_000_000
MAX_DEPTH = 200

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
BPMN_DI = "http://www.omg.org/spec/BPMN/20100524/DI"
KAITONG = "urn:kaitong:bpmn"


@dataclass(slots=True)
class Element:
    """An element with its namespace, attributes ((namespace, name) -> text) and first line."""

    space: str
    tag: str
    attributes: dict[tuple[str, str], str]
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""
    text_line: int = 0

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(("", name), default)

    @property
    def id(self) -> str:
        return self.get("id")

    @property
    def label(self) -> str:
        return f"{self.tag} {self.id}" if self.id else self.tag

    def all(self, *tags: str) -> list[Element]:
        """The BPMN children with one of these tags."""
        return [child for child in self.children if child.space == BPMN and child.tag in tags]

    def first(self, tag: str) -> Element | None:
        return next(iter(self.all(tag)), None)

    def walk(self) -> Iterator[Element]:
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))


class MalformedXml(Exception):
    """The bytes are not acceptable XML; `line` says where."""

    def __init__(self, line: int, what: str, remedy: str):
        super().__init__(what)
        self.line, self.what, self.remedy = line, what, remedy


def read(data: bytes) -> Element:
    """The root element, or MalformedXml."""
    if len(data) > MAX_BYTES:
        raise MalformedXml(
            1, f"The file is larger than {MAX_BYTES // 1_000_000} MB.", "Remove embedded pictures."
        )
    return _Reader().read(data)


class _Reader:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartDoctypeDeclHandler = self.refuse_doctype
        self.parser.EntityDeclHandler = self.refuse_doctype
        # Texts come unbuffered: a buffered one would report the line of its end.
        self.stack: list[Element] = []
        self.root: Element | None = None

    def read(self, data: bytes) -> Element:
        try:
            self.parser.Parse(data, True)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code)
            remedy = "Export the file again from the modeller."
            if "encoding" in what:
                remedy = "Save the file as UTF-8."
            raise MalformedXml(error.lineno, f"The XML is malformed: {what}.", remedy) from None
        except (LookupError, ValueError) as error:
            line = self.parser.CurrentLineNumber
            raise MalformedXml(
                line, f"The XML cannot be read: {error}.", "Save the file as UTF-8."
            ) from None
        if self.root is None:
            raise MalformedXml(1, "The file holds no XML element.", "Export it from the modeller.")
        return self.root

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise MalformedXml(
                self.parser.CurrentLineNumber,
                f"Elements are nested deeper than {MAX_DEPTH}.",
                "Export the file again from the modeller.",
            )
        space, tag = _split(name)
        element = Element(
            space,
            tag,
            {_split(key): value for key, value in attributes.items()},
            self.parser.CurrentLineNumber,
        )
        if self.stack:
            self.stack[-1].children.append(element)
        else:
            self.root = element
        self.stack.append(element)

    def end(self, name: str) -> None:
        self.stack.pop()

    def characters(self, text: str) -> None:
        element = self.stack[-1]
        if not element.text:
            stripped = text.lstrip()
            if not stripped:
                return
            skipped = text[: len(text) - len(stripped)].count("\n")
            element.text_line = self.parser.CurrentLineNumber + skipped
            text = stripped
        element.text += text

    def refuse_doctype(self, *_: object) -> None:
        raise MalformedXml(
            self.parser.CurrentLineNumber,
            "The file declares a document type or entities.",
            "Remove the DOCTYPE: the file needs none, and entities can be an attack.",
        )


def _split(name: str) -> tuple[str, str]:
    space, _, local = name.rpartition(" ")
    return space, local
