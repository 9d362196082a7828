"""Address text: what is stored to find an address by, and what a typed search text asks for.

Pure functions, no database. An address is found by *tokens*, kept in the column `grams`:

- `横江` two neighbouring Chinese characters,
- `~hj` the pinyin initials of two neighbours (several for characters with several readings),
- `=heng` the pinyin of one character,
- `#301` a whole number, `^30` the beginning of a number (while somebody is still typing),
- `@a` Latin letters as they stand (6-A栋).

A search text is cut in the same way; every piece must be found (`Query.alternatives` holds the ways
in which a run of letters may be meant).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product

from pypinyin import Style, pinyin

from kaitong.places.syllables import SYLLABLES

_PIECES = re.compile(r"[㐀-鿿豈-﫿]+|\d+|[a-z]+")
_LONGEST_PREFIX = 4
_LONGEST_TEXT = 80
# Units of counting stand behind the numbers of every address and find nothing.
_COUNTER = re.compile(r"^(?:号楼|号院|单元|门牌|号|栋|幢|座|室|层|楼|组)")
_ORGAN_SUFFIXES = ("村委会", "居委会", "社区居民委员会", "村民委员会")
_REGION_SUFFIXES = (
    "自治区",
    "自治州",
    "自治县",
    "街道",
    "地区",
    "省",
    "市",
    "县",
    "区",
    "镇",
    "乡",
    "村",
)


def fold(text: str) -> str:
    """Full-width signs become half-width, capitals small, runs of blanks one blank."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def pieces(text: str) -> list[str]:
    """Runs of Chinese characters, digits or Latin letters, in order; all other signs part them.

    A unit of counting behind a number (6栋, 2单元, 88号) is left out.
    """
    found: list[str] = []
    for piece in _PIECES.findall(fold(text)[:_LONGEST_TEXT]):
        if found and found[-1].isdigit() and is_han(piece):
            piece = _COUNTER.sub("", piece)
        if piece:
            found.append(piece)
    return found


def is_han(piece: str) -> bool:
    return piece[0] > "\u2fff"


def plain_number(piece: str) -> str:
    """`02` and `2` are the same unit; a lone zero stays."""
    return piece.lstrip("0") or "0"


def short_region_name(name: str) -> str:
    """海阳镇 -> 海阳, 黄山市 -> 黄山, 横江社区居委会 -> 横江社区; two signs at least remain."""
    for suffix in (*_ORGAN_SUFFIXES, *_REGION_SUFFIXES):
        if name.endswith(suffix) and len(name) - len(suffix) >= 2:
            return name[: -len(suffix)]
    return name


@lru_cache(maxsize=20_000)
def readings(run: str) -> tuple[tuple[str, ...], ...]:
    """For each character its reading in this phrase, then other common ones (行 xing, hang)."""
    in_phrase = pinyin(run, style=Style.NORMAL, errors=_each)  # type: ignore[arg-type]
    if len(in_phrase) != len(run):
        in_phrase = [[""] for _ in run]
    found = []
    for sign, phrase in zip(run, in_phrase, strict=True):
        unique = dict.fromkeys([_latin(phrase[0]), *_alone(sign)])
        found.append(tuple(reading for reading in unique if reading))
    return tuple(found)


def _each(unknown: str) -> list[str]:
    """Signs without a reading stay one by one, so that readings and signs keep in step."""
    return list(unknown)


@lru_cache(maxsize=8000)
def _alone(sign: str) -> tuple[str, ...]:
    """The two commonest readings of a character by itself; none when it is unknown."""
    return tuple(_latin(r) for r in pinyin(sign, style=Style.NORMAL, heteronym=True)[0][:2])


def _latin(reading: str) -> str:
    return reading if reading.isascii() and reading.isalpha() else ""


@lru_cache(maxsize=20_000)
def initials(text: str) -> str:
    """横江花园6栋 -> hjhy6; digits and letters stand as they are."""
    parts = []
    for piece in pieces(text):
        if is_han(piece):
            parts.append("".join(r[0][0] for r in readings(piece) if r))
        else:
            parts.append(piece)
    return "".join(parts)


@lru_cache(maxsize=20_000)
def sorting_key(text: str) -> str:
    """A key that sorts by pinyin and by the value of numbers: 2单元 stands before 10单元."""
    parts = []
    for piece in pieces(text):
        if is_han(piece):
            parts.append("".join(r[0] for r in readings(piece) if r))
        elif piece.isdigit():
            parts.append(piece.zfill(6))
        else:
            parts.append(piece)
    return " ".join(parts)


@lru_cache(maxsize=20_000)
def run_tokens(run: str) -> tuple[str, ...]:
    """All tokens of one run of Chinese characters."""
    tokens: dict[str, None] = {}
    sounds = readings(run)
    for sound in sounds:
        for reading in sound:
            tokens["=" + reading] = None
    for (left, right), pair in zip(pairwise(sounds), pairwise(run), strict=True):
        tokens["".join(pair)] = None
        for one, two in product({r[0] for r in left}, {r[0] for r in right}):
            tokens[f"~{one}{two}"] = None
    return tuple(tokens)


@lru_cache(maxsize=20_000)
def number_tokens(number: str) -> tuple[str, ...]:
    return (
        "#" + number,
        *("^" + number[:n] for n in range(1, min(len(number), _LONGEST_PREFIX) + 1)),
    )


@lru_cache(maxsize=50_000)
def _tokens(text: str) -> tuple[str, ...]:
    tokens: dict[str, None] = {}
    for piece in pieces(text):
        if is_han(piece):
            if len(piece) > 1:
                tokens.update(dict.fromkeys(run_tokens(piece)))
        elif piece.isdigit():
            tokens.update(dict.fromkeys(number_tokens(plain_number(piece))))
        else:
            tokens["@" + piece] = None
    return tuple(tokens)


def address_tokens(place: str, house: str = "") -> list[str]:
    """The tokens an address is found by.

    `place` is township, road and estate, which thousands of addresses share; `house` is building,
    unit and room, which return in every estate. Both are cut once and remembered.
    """
    if house and not house[0].isdigit():
        # Words may run on from the estate's name into the building's.
        return list(_tokens(place + house))
    return list(dict.fromkeys((*_tokens(place), *_tokens(house))))


def number_path(text: str) -> str:
    """横江花园6栋2单元301室 -> `.6.2.301.`: numbers in order, for ranking."""
    numbers = [plain_number(piece) for piece in pieces(text) if piece.isdigit()]
    return "." + ".".join(numbers) + "." if numbers else ""


@dataclass(frozen=True, slots=True)
class Query:
    """What a typed text asks for.

    `alternatives`: any of these lists of tokens must be wholly among an address's tokens; empty
    when the text holds too little to search by. The rest serves ranking.
    """

    alternatives: tuple[tuple[str, ...], ...]
    phrases: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    def loosened(self) -> Query:
        """The same with any one pair of characters missing: 海阳横江 skips what lies between."""
        looser: dict[tuple[str, ...], None] = {}
        for tokens in self.alternatives:
            grams = [t for t in tokens if is_han(t)]
            if len(grams) < 3:
                continue
            for gram in grams:
                looser[tuple(t for t in tokens if t != gram)] = None
        return Query(tuple(looser), self.phrases, self.letters, self.numbers)


def parse_query(text: str, above: Iterable[str] = (), townships: Iterable[str] = ()) -> Query:
    """Cut a typed text into what must be found.

    `above` are names of provinces, cities and counties: addresses are not indexed by them, so they
    are taken off the front. `townships`, in full or without 镇, are parted from what follows,
    because between township and estate an address holds words that nobody types.
    """
    folded = fold(text)
    rest = _without_head(folded, above)
    if folded and not rest:
        return Query(alternatives=((),))
    must: list[str] = []
    phrases: list[str] = []
    letters: list[str] = []
    numbers: list[str] = []
    found = pieces(_part(rest, townships))
    for position, piece in enumerate(found):
        if is_han(piece):
            if len(piece) > 1:
                must += [a + b for a, b in pairwise(piece)]
                phrases.append(piece)
        elif piece.isdigit():
            number = plain_number(piece)
            numbers.append(number)
            half_typed = (
                position == len(found) - 1 and rest[-1].isdigit() and len(number) <= _LONGEST_PREFIX
            )
            must.append(("^" if half_typed else "#") + number)
        else:
            letters.append(piece)
    if not phrases and not letters:
        # Numbers alone, or a single character, would find half the town.
        return Query(alternatives=())
    ways = product(*(letter_ways(piece) for piece in letters))
    alternatives = dict.fromkeys(
        tuple(dict.fromkeys([*must, *(token for way in chosen for token in way)]))
        for chosen in ways
    )
    return Query(tuple(alternatives), tuple(phrases), tuple(letters), tuple(numbers))


def _forms(names: Iterable[str]) -> list[str]:
    """Names with and without 省, 市, 县, 镇; the longest first."""
    return sorted({f for n in names for f in (n, short_region_name(n))}, key=len, reverse=True)


def _without_head(text: str, names: Iterable[str]) -> str:
    forms = _forms(names)
    while head := next((form for form in forms if text.startswith(form)), ""):
        text = text[len(head) :].lstrip()
    return text


def _part(text: str, names: Iterable[str]) -> str:
    for form in _forms(names):
        if text.startswith(form):
            return f"{form} {text[len(form) :]}"
    return text


def letter_ways(run: str) -> list[tuple[str, ...]]:
    """How a run of Latin letters may be meant: as written, as initials, as whole syllables."""
    ways: list[tuple[str, ...]] = [("@" + run,)]
    if len(run) >= 2:
        ways.append(tuple(dict.fromkeys(f"~{a}{b}" for a, b in pairwise(run))))
    spoken = syllables(run)
    if spoken:
        ways.append(tuple(dict.fromkeys("=" + s for s in spoken)))
    return ways


@lru_cache(maxsize=4096)
def syllables(run: str) -> tuple[str, ...]:
    """Cut letters into pinyin syllables, longest first; empty when they are none."""
    if not run:
        return ()
    # Longest first, stepping back where the rest cannot be cut: xian-jie, but fang-an.
    cuts: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    while cuts:
        start, so_far = cuts.pop()
        if start == len(run):
            return so_far
        for length in range(1, 7):
            part = run[start : start + length]
            if len(part) == length and part in SYLLABLES:
                cuts.append((start + length, (*so_far, part)))
    return ()
