"""Small pieces every page uses: icons, times, sums, addresses that keep the filters."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django import template
from django.template.context import RequestContext
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from kaitong.web import format as fmt
from kaitong.web.icons import ICONS

register = template.Library()
_KNOWN = frozenset(ICONS)


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """A decorative icon of the sprite; a word always stands beside it or in the label."""
    if name not in _KNOWN:
        name = "circle-dot"
    return format_html(
        '<svg class="ti {}" aria-hidden="true"><use href="{}#{}"></use></svg>',
        extra,
        static("vendor/icons.svg"),
        name,
    )


@register.simple_tag
def mark(sign: str = "") -> str:
    """A mark between parts as the reader's language sets it; empty is the gap after a sentence."""
    return fmt.mark(sign)


@register.filter
def when(value: datetime | None) -> str:
    return fmt.when(value)


@register.filter
def day(value: date | datetime | None) -> str:
    return fmt.day(value)


@register.filter
def short(value: datetime | None) -> str:
    return fmt.short(value)


@register.filter
def full(value: datetime | None) -> str:
    return fmt.full(value)


@register.filter
def span(value: timedelta | float | None) -> str:
    return fmt.span(value)


@register.filter
def yuan(value: int | None) -> str:
    return fmt.yuan(value)


@register.filter
def letters(value: str) -> SafeString:
    """Letters of an identifier stand out from its digits, so that O is not read as 0 (ONU-02)."""
    return format_html_join(
        "", "{}", ((format_html("<b>{}</b>", c) if c.isalpha() else c,) for c in value or "")
    )


@register.filter
def dash(value: Any) -> Any:
    """A dash where there is nothing."""
    return fmt.DASH if value in (None, "") else value


@register.simple_tag(takes_context=True)
def query(context: RequestContext, **changes: Any) -> str:
    """The page's own query with some keys changed; an empty value takes its key out."""
    values = context["request"].GET.copy()
    for key, value in changes.items():
        values.pop(key, None)
        if value not in (None, ""):
            values[key] = str(value)
    return f"?{values.urlencode()}"


@register.inclusion_tag("web/parts/due.html")
def due_chip(due: fmt.Due) -> dict[str, Any]:
    return {"due": due}
