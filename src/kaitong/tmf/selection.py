"""`fields=a,b`: which first-level attributes an answer holds; id and href always (TMF630)."""

from typing import Any

from django.utils.translation import gettext as _

from kaitong.tmf.errors import BadQuery

ALWAYS = ("id", "href")


def parse_fields(text: str | None) -> frozenset[str] | None:
    """The attributes wanted, or None for all. `fields=none` leaves id and href."""
    if text is None or not text.strip():
        return None
    names = [name.strip() for name in text.split(",")]
    deeper = next((name for name in names if "." in name), None)
    if deeper is not None:
        raise BadQuery(
            _("要选属性里面的一部分（%(name)s），这里不支持。") % {"name": deeper},
            _("只能写第一层属性。"),
            field="fields",
        )
    return frozenset(name for name in names if name and name != "none") | set(ALWAYS)


def select(body: dict[str, Any], wanted: frozenset[str] | None) -> dict[str, Any]:
    """The body with the attributes wanted only."""
    if wanted is None:
        return body
    return {name: value for name, value in body.items() if name in wanted}
