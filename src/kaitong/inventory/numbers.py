"""Numbering patterns, the logical identifier (逻辑 SN), passwords. Pure, no database.

A pattern is data of a playbook or an operator: text with places in braces.

- `{seq:9}` the sequence, nine digits; exactly one in a pattern
- `{branch}`, `{branch_lower}` the branch's code; other names are values given beside it
- `{olt:2}` a value filled up with zeros to two places
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping

from django.utils.translation import gettext as _

from kaitong.inventory.errors import BadPattern

_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)(?::(\d{1,2}))?\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_SEQUENCE = "seq"

LOGICAL_ID_LENGTH = 16  # FMT-01
LOGICAL_ID_FIRST = "O"  # FMT-02: the letter; stands for equipment type ONU

# Read aloud, written by hand or typed on a phone, these are not mistaken for one another.
PASSWORD_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105
PASSWORD_LENGTH = 10


def bind(pattern: str, values: Mapping[str, object]) -> str:
    """Fill in everything but the sequence: `{branch_lower}{seq:7}@kd` -> `xn{seq:7}@kd`.

    Raises BadPattern when a value is missing or too long for its place, or the sequence is not
    there exactly once with its width.

    >>> bind("O{area_code:4}{olt:2}{seq:9}", {"area_code": "0559", "olt": 1})
    'O055901{seq:9}'
    """
    places = _PLACE.findall(pattern)
    if [name for name, _width in places].count(_SEQUENCE) != 1:
        raise BadPattern(
            _("编号格式 %(pattern)s 里要有且只有一个 {seq:位数}。") % {"pattern": pattern}
        )
    if "{" in _PLACE.sub("", pattern) or "}" in _PLACE.sub("", pattern):
        raise BadPattern(
            _("编号格式 %(pattern)s 的花括号不完整。") % {"pattern": pattern},
            _("写成 {名称} 或 {名称:位数}。"),
        )

    def fill(place: re.Match[str]) -> str:
        name, width = place[1], place[2]
        if name == _SEQUENCE:
            if not width or int(width) == 0:
                raise BadPattern(
                    _("编号格式 %(pattern)s 的序号没有写位数。") % {"pattern": pattern},
                    _("写成 {seq:7}。"),
                )
            return place[0]
        value = str(values.get(name, "") or "")
        if not value:
            raise BadPattern(
                _("编号格式 %(pattern)s 需要 %(name)s，现在没有这个值。")
                % {"pattern": pattern, "name": name},
                _("在参数里给出，或先完成取得它的步骤。"),
            )
        if width and len(value) > int(width):
            raise BadPattern(
                _("%(name)s 的值 %(value)s 超过 %(width)s 位。")
                % {"name": name, "value": value, "width": width}
            )
        return value.zfill(int(width)) if width else value

    return _PLACE.sub(fill, pattern)


def fill(pattern: str, values: Mapping[str, object]) -> str:
    """A pattern without a sequence: what stands by itself, such as a circuit.

    What is in square brackets is left out where one of its values is missing.

    >>> fill("{access_node} xpon {pon_port}", {"access_node": "XN-OLT-01", "pon_port": "0/3/6"})
    'XN-OLT-01 xpon 0/3/6'
    >>> fill("{pon_port}[:{user_port}]", {"pon_port": "0/3/6", "user_port": ""})
    '0/3/6'
    """

    def there(part: re.Match[str]) -> str:
        names = [name for name, _width in _PLACE.findall(part[1])]
        return part[1] if all(str(values.get(name, "")) for name in names) else ""

    pattern = _OPTIONAL.sub(there, pattern)
    if "{" in _PLACE.sub("", pattern) or "}" in _PLACE.sub("", pattern):
        raise BadPattern(
            _("编号格式 %(pattern)s 的花括号不完整。") % {"pattern": pattern},
            _("写成 {名称} 或 {名称:位数}。"),
        )
    missing = [n for n, _w in _PLACE.findall(pattern) if str(values.get(n, "")) == ""]
    if missing:
        raise BadPattern(
            _("编号格式 %(pattern)s 需要 %(name)s，现在没有这个值。")
            % {"pattern": pattern, "name": missing[0]},
            _("在参数里给出，或先完成取得它的步骤。"),
        )
    return _PLACE.sub(lambda p: str(values[p[1]]).zfill(int(p[2] or 0)), pattern)


def make(template: str, sequence: int) -> str:
    """The number of a bound pattern.

    >>> make("O055901{seq:9}", 42)
    'O055901000000042'
    """
    place = _PLACE.search(template)
    if place is None or place[1] != _SEQUENCE:
        raise BadPattern(_("编号格式 %(template)s 里没有序号。") % {"template": template})
    width = int(place[2])
    digits = str(sequence)
    if len(digits) > width:
        raise BadPattern(
            _("编号格式 %(template)s 的号码已用完。") % {"template": template},
            _("加长序号，或换一个格式。"),
        )
    return template[: place.start()] + digits.zfill(width) + template[place.end() :]


def clean_logical_id(text: str) -> str:
    """As somebody types it: blanks, hyphens and full-width signs go, small letters become capital.

    >>> clean_logical_id("o055 9010 0000 0042")
    'O055901000000042'
    """
    return re.sub(r"[\s\-_.]+", "", unicodedata.normalize("NFKC", text)).upper()


def check_logical_id(text: str) -> str | None:
    """What is wrong with a typed logical identifier; None when nothing is (ONU-02, FMT-01, FMT-02).

    The first sign is the letter O and the other fifteen are digits, so wherever somebody confuses
    the letter O with zero, or I and l with one, it is found and named.

    >>> check_logical_id("O055901000000042") is None
    True
    """
    value = clean_logical_id(text)
    if not value:
        return _("没有填写逻辑 SN。")
    if value[0] == "0":
        return _("第 1 位是数字 0，应为字母 O。")
    if value[0] != LOGICAL_ID_FIRST:
        return _("第 1 位是 %(value)s，应为字母 O。") % {"value": value[0]}
    for place, sign in enumerate(value[1:], start=2):
        if sign == "O":
            return _("第 %(place)s 位是字母 O，应为数字 0。") % {"place": place}
        if sign in "IL":
            return _("第 %(place)s 位是字母 %(sign)s，应为数字 1。") % {
                "place": place,
                "sign": sign,
            }
        if not (sign.isascii() and sign.isdigit()):
            return _("第 %(place)s 位是 %(sign)s，应为数字。") % {"place": place, "sign": sign}
    if len(value) != LOGICAL_ID_LENGTH:
        return _("共 %(count)s 位，应为 %(length)s 位。") % {
            "count": len(value),
            "length": LOGICAL_ID_LENGTH,
        }
    return None


def group_logical_id(value: str) -> str:
    """In fours, as people read it aloud.

    >>> group_logical_id("O055901000000042")
    'O055 9010 0000 0042'
    """
    return " ".join(value[at : at + 4] for at in range(0, len(value), 4))


def make_password() -> str:
    """A random password without signs that look alike; some 49 bits."""
    return "".join(secrets.choice(PASSWORD_ALPHABET) for _ in range(PASSWORD_LENGTH))
