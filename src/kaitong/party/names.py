"""Names and phones as they are searched and sorted: pinyin keys, initials, normal forms. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import phonenumbers
from django.utils.translation import gettext as _
from pypinyin import Style, lazy_pinyin

from kaitong.party.choices import PartyKind, PhoneKind

# Readings that a character has only as a surname; pypinyin gives the everyday one.
COMPOUND_SURNAMES = {
    "万俟": "mo qi",
    "尉迟": "yu chi",
    "长孙": "zhang sun",
    "澹台": "tan tai",
    "单于": "chan yu",
    "令狐": "ling hu",
    "宰父": "zai fu",
    "皇甫": "huang fu",
    "鲜于": "xian yu",
}
SURNAMES = {
    "仇": "qiu",
    "单": "shan",
    "解": "xie",
    "查": "zha",
    "曾": "zeng",
    "任": "ren",
    "朴": "piao",
    "区": "ou",
    "盖": "ge",
    "翟": "zhai",
    "华": "hua",
    "繁": "po",
    "秘": "bi",
    "冼": "xian",
    "乐": "yue",
    "员": "yun",
    "缪": "miao",
    "种": "chong",
    "祭": "zhai",
    "召": "shao",
    "折": "she",
    "黑": "he",
    "句": "gou",
    "逄": "pang",
    "纪": "ji",
    "燕": "yan",
    "哈": "ha",
    "葛": "ge",
    "曲": "qu",
    "宓": "mi",
    "谌": "chen",
    "佴": "nai",
    "晁": "chao",
    "麴": "qu",
    "郇": "xun",
    "洗": "xian",
    "行": "xing",
    "重": "chong",
    "贾": "jia",
    "覃": "qin",
    "车": "che",
    "尹": "yin",
    "那": "na",
    "过": "guo",
    "都": "du",
    "石": "shi",
    "柏": "bai",
    "薄": "bo",
    "卜": "bu",
    "费": "fei",
    "宁": "ning",
    "隗": "wei",
    "郗": "xi",
    "牟": "mu",
    "戚": "qi",
}
SHORTEST_NAME, MOST_ALIKE = 2, 3
_IN_NAMES = " ·.'’-,"
_IN_COMPANIES = " ·.'’-,&()/、:+#\"“”《》"
MOBILE = re.compile(r"1[3-9]\d{9}")


@dataclass(frozen=True, slots=True)
class NameKeys:
    """``sort`` orders as a Chinese reader expects; ``initials`` is what a clerk types (zsw)."""

    sort: str
    initials: str
    grams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """``digits`` is how people write it in China; ``e164`` is unique in the world."""

    e164: str
    digits: str
    kind: PhoneKind


def clean_name(name: str) -> str:
    """Half-width, single spaces; the dot of names of minorities (·) in one form."""
    text = unicodedata.normalize("NFKC", name).replace("•", "·").replace("・", "·")
    return re.sub(r"\s+", " ", text).strip()


def name_shape(name: str, kind: str = PartyKind.INDIVIDUAL) -> str:
    """What is wrong with the shape of a cleaned name, as a sentence; "" when it may be one.

    A person's name is letters of one script with the dots, blanks and marks that names have; an
    organisation's may hold figures and brackets too. What a document says is kept as it says it, so
    nothing beyond its shape is judged.

    >>> name_shape("阿卜杜拉·买买提"), name_shape("John O'Neil-Smith")
    ('', '')
    """
    if not name:
        return _("没有填写客户名称，或名称过长。")
    letters = [sign for sign in name if sign.isalpha()]
    if len(letters) < SHORTEST_NAME:
        return _("客户名称太短，不像证件上的名称。")
    if kind == PartyKind.ORGANIZATION:
        wrong = [s for s in name if not (s.isalnum() or s in _IN_COMPANIES)]
    else:
        wrong = [s for s in name if not (s.isalpha() or s in _IN_NAMES or _mark(s))]
        if not wrong and len({_script(sign) for sign in letters}) > 1:
            return _("姓名里混有汉字和字母。")
    if wrong:
        found = "".join(dict.fromkeys(wrong))
        return _("名称里不能有“%(signs)s”。") % {"signs": found[:12]}
    if len(letters) >= MOST_ALIKE and len(set(letters)) == 1:
        return _("客户名称都是同一个字。")
    if not (name[0].isalnum() or name[0] in "(") or name[-1] in "·-'":
        return _("名称的开头或结尾多了符号。")
    return ""


def _mark(sign: str) -> bool:
    """Accents that are signs of their own."""
    return unicodedata.category(sign).startswith("M")


def _script(sign: str) -> str:
    return "han" if "\u2e80" <= sign <= "\u9fff" or sign >= "\uf900" else "letters"


def name_keys(name: str, kind: str = PartyKind.INDIVIDUAL) -> NameKeys:
    """Keys of a name, with the readings surnames have.

    >>> name_keys("单雄信").initials
    'sxx'
    """
    text = clean_name(name)
    head: list[str] = []
    rest = text
    if kind == PartyKind.INDIVIDUAL:
        if text[:2] in COMPOUND_SURNAMES:
            head, rest = COMPOUND_SURNAMES[text[:2]].split(), text[2:]
        elif text[:1] in SURNAMES:
            head, rest = [SURNAMES[text[0]]], text[1:]
    read: Any = lazy_pinyin  # its stub knows only half of what `errors` may be
    syllables = head + [
        s.lower() for s in read(rest, style=Style.NORMAL, errors=_words) if s.strip(" ·")
    ]
    return NameKeys(
        sort=f"{' '.join(syllables)} {text}"[:200],
        initials="".join(s[0] for s in syllables)[:60],
        grams=grams(text),
    )


def _words(foreign: str) -> list[str]:
    """Signs without a Chinese reading are taken by words, so that John Smith is js."""
    return re.split(r"[ ·]+", foreign)


def grams(text: str) -> tuple[str, ...]:
    """Pairs of neighbouring signs, for a search inside names of any length."""
    plain = clean_name(text).lower().replace(" ", "")
    return tuple(dict.fromkeys(plain[i : i + 2] for i in range(len(plain) - 1)))


def parse_phone(text: str) -> PhoneNumber | None:
    """A telephone number of China (or with + of elsewhere) in normal form; None if it is none.

    >>> parse_phone("138-1234-5678").e164
    '+8613812345678'
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    try:
        number = phonenumbers.parse(plain, "CN")
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    national = str(number.national_number)
    if number.country_code != 86:
        if not phonenumbers.is_valid_number(number):
            return None
        return PhoneNumber(e164, e164, PhoneKind.FIXED)
    if MOBILE.fullmatch(national):
        return PhoneNumber(e164, national, PhoneKind.MOBILE)
    if not phonenumbers.is_valid_number(number):
        return None
    whole_country = national.startswith(("400", "800")) and len(national) == 10
    return PhoneNumber(e164, national if whole_country else f"0{national}", PhoneKind.FIXED)
