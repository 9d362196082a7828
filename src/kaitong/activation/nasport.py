"""NAS-Port-Id (RFC 2869 section 5.17): how the access network names the customer's line.

The access server writes into every accounting packet on which access node, PON port and logical
identifier (逻辑 SN / LOID, ONU-02) the session came up. Operators spell it differently, so the
spelling is data: a pattern such as `{access_node} eth {pon_port}:{logical_id}`, kept on the network
element. One pattern gives both the formatter and the parser. What comes from the network is not
trusted: parsing is bounded and answers None, it never raises.

Fields of a pattern:

- `{access_node}`: the OLT's name; no white space and none of `/ : ; , = | { }`, 64 characters
- `{pon_port}`: frame, slot and PON port as `0/3/6`
- `{logical_id}`: the identifier the order allocated; letters, digits, `-`, `_`, 32 characters
- `{ignore}`: whatever the access server writes there (its own slot, VLAN tags); written as `0`

A pattern may end in `[:{user_port}]`: the user port of a building's ONU (FTTB), which lines with a
port of their own on the PON (FTTH) do not have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from kaitong.activation.errors import BadLine, BadPattern

DEFAULT_PATTERN = "{access_node} eth {pon_port}:{logical_id}[:{user_port}]"
LONGEST = 253  # octets of a RADIUS attribute's value
_LONGEST_PATTERN = 200

_NODE = r"[^\s\x00-\x1f\x7f/:;,=|{}]{1,64}"
_PORT = r"[0-9]{1,4}/[0-9]{1,4}/[0-9]{1,4}"
_LOGICAL = r"[0-9A-Za-z_-]{1,32}"
_FIELDS = {"access_node": _NODE, "pon_port": _PORT, "logical_id": _LOGICAL, "ignore": r"\S{0,64}"}
_REQUIRED = ("access_node", "pon_port", "logical_id")
# what may not follow a field, because the field itself could swallow it
_SWALLOWS = {
    "access_node": re.compile(r"[^\s\x00-\x1f\x7f/:;,=|{}]"),
    "pon_port": re.compile(r"[0-9/]"),
    "logical_id": re.compile(r"[0-9A-Za-z_-]"),
    "ignore": re.compile(r"\S"),
}
_TAIL = re.compile(r"(?P<head>.*)\[(?P<sign>[^\[\]{}0-9]+)\{user_port\}\]", re.DOTALL)
_HIGHEST_USER_PORT = 9999
_PIECE = re.compile(r"\{([a-z_]*)\}")
_ESCAPED = re.compile(r"=([0-9A-F]{2})")


@dataclass(frozen=True, slots=True)
class Line:
    """A customer's line as the network names it."""

    access_node: str  # OLT-01
    pon_port: str  # 0/3/6: frame, slot, PON port
    logical_id: str
    user_port: int | None = None  # of a building's ONU

    def __post_init__(self) -> None:
        for name in _REQUIRED:
            if not re.fullmatch(_FIELDS[name], getattr(self, name)):
                raise BadLine(f"线路的 {name} 不能是 {getattr(self, name)!r}。", field=name)
        if self.user_port is not None and not 0 <= self.user_port <= _HIGHEST_USER_PORT:
            raise BadLine(f"线路的 user_port 不能是 {self.user_port!r}。", field="user_port")
        object.__setattr__(self, "pon_port", _plain_port(self.pon_port))

    def __str__(self) -> str:
        return f"{self.access_node} {self.pon_port}"


def _plain_port(text: str) -> str:
    """00/03/6 -> 0/3/6: devices pad with zeros as they like."""
    return "/".join(str(int(part)) for part in text.split("/"))


@dataclass(frozen=True, slots=True)
class Pattern:
    """A checked pattern: formatter and parser of one spelling."""

    text: str
    pieces: tuple[tuple[str, str], ...]  # ("literal"|"field", text)
    expression: re.Pattern[str]
    tail: str = ""  # what stands before a user port; empty when this spelling names none

    @property
    def names_user_port(self) -> bool:
        return bool(self.tail)

    def format(self, line: Line) -> str:
        """The NAS-Port-Id of a line; refuses one that does not fit an attribute."""
        words = {
            "access_node": line.access_node,
            "pon_port": line.pon_port,
            "logical_id": line.logical_id,
            "ignore": "0",
        }
        value = "".join(words[text] if kind == "field" else text for kind, text in self.pieces)
        if self.tail and line.user_port is not None:
            value += f"{self.tail}{line.user_port}"
        if len(value.encode()) > LONGEST:
            raise BadLine("NAS-Port-Id 超过属性允许的长度。", "缩短接入节点的名称。")
        return value

    def parse(self, value: object) -> Line | None:
        """The line a NAS-Port-Id names, or None for anything that is not of this spelling.

        Takes text or octets. FreeRADIUS stores characters outside its safe list as `=XX`; such a
        value is read again with those undone.
        """
        text = _text(value)
        if text is None:
            return None
        found = self._match(text)
        if found is None and "=" in text:
            found = self._match(unescape(text))
        return found

    def _match(self, text: str) -> Line | None:
        match = self.expression.fullmatch(text)
        if match is None:
            return None
        found = match.groupdict()
        port = found.pop("user_port", None)
        try:
            return Line(**found, user_port=int(port) if port else None)
        except BadLine:
            return None


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        if len(value) > LONGEST * 3:
            return None
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return None
    if not isinstance(value, str) or len(value) > LONGEST * 3:
        return None
    return value


def unescape(text: str) -> str:
    """Undo FreeRADIUS's `=XX` for characters outside its list of safe ones."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def shown(value: object) -> str:
    """A NAS-Port-Id from the network, fit for people: printable, at most 253 characters."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
    return "".join(sign if sign.isprintable() else "�" for sign in text[: LONGEST + 1])[:LONGEST]


@lru_cache(maxsize=64)
def pattern(text: str = DEFAULT_PATTERN) -> Pattern:
    """Check and compile a pattern. Raises BadPattern when a value could be read in two ways."""
    if not text or len(text) > _LONGEST_PATTERN:
        raise BadPattern("A NAS-Port-Id pattern has 1 to 200 characters.", field="pattern")
    tail = _TAIL.fullmatch(text)
    head, sign = (tail["head"], tail["sign"]) if tail else (text, "")
    pieces = _pieces(head)
    _check(pieces, sign)
    expression = ""
    for kind, word in pieces:
        if kind == "literal":
            expression += re.escape(word)
        elif word == "ignore":
            expression += _FIELDS[word]
        else:
            expression += f"(?P<{word}>{_FIELDS[word]})"
    if sign:
        expression += f"(?:{re.escape(sign)}(?P<user_port>[0-9]{{1,4}}))?"
    return Pattern(text, tuple(pieces), re.compile(expression), sign)


def _pieces(text: str) -> list[tuple[str, str]]:
    pieces: list[tuple[str, str]] = []
    place = 0
    for match in _PIECE.finditer(text):
        if match.start() > place:
            pieces.append(("literal", text[place : match.start()]))
        if match[1] not in _FIELDS:
            raise BadPattern(
                f"The pattern has an unknown field {{{match[1]}}}.",
                f"Known are {', '.join(_FIELDS)}.",
                field="pattern",
            )
        pieces.append(("field", match[1]))
        place = match.end()
    if place < len(text):
        pieces.append(("literal", text[place:]))
    return pieces


def _check(pieces: list[tuple[str, str]], sign: str) -> None:
    fields = [word for kind, word in pieces if kind == "field"]
    for name in _REQUIRED:
        if fields.count(name) != 1:
            raise BadPattern(f"The pattern needs {{{name}}} exactly once.", field="pattern")
    for kind, word in pieces:
        if kind == "literal" and set(word) & set("{}[]"):
            raise BadPattern(
                "A brace or bracket stands alone in the pattern.",
                "Only [:{user_port}] may be left out, and it stands at the end.",
                field="pattern",
            )
    last = [("literal", sign)] if sign else []
    for (kind, word), (next_kind, following) in pairwise([*pieces, *last]):
        if kind == "field" and (next_kind == "field" or _SWALLOWS[word].match(following)):
            raise BadPattern(
                f"After {{{word}}} the pattern must have a sign that cannot belong to it.",
                "Put a space, ':' or ';' between.",
                field="pattern",
            )
