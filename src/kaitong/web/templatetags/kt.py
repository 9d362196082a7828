"""Small pieces every page uses: icons, times, sums, addresses that keep the filters."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import template
from django.http import QueryDict
from django.template.context import RequestContext
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from kaitong.web import format as fmt
from kaitong.web.icons import ICONS

register = template.Library()
_KNOWN = frozenset(ICONS)


@register.simple_tag
@lru_cache(maxsize=512)
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
def calendarday(value: Any) -> str:
    """A day's exception in words; none is the weekly pattern."""
    if value is None:
        return _("按常规")
    if value.working:
        return _("上班（%(name)s）") % {"name": value.name} if value.name else _("上班")
    return _("放假（%(name)s）") % {"name": value.name} if value.name else _("放假")


@register.filter
def seconds(value: int | None) -> str:
    """Seconds as `26:03:41`, so that a reader can add them up."""
    count = value or 0
    return f"{count // 3600}:{count // 60 % 60:02}:{count % 60:02}"


@register.filter
def brief(value: int | None) -> str:
    """Whole seconds in at most two units; none is 0."""
    return fmt.span(value) if value else "0"


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


@register.simple_tag
def at(name: str, number: UUID) -> SafeString:
    """The address of one thing: `{% url %}` for the rows of lists, resolved once a process."""
    head, tail = _around(name)
    return mark_safe(f"{head}{number}{tail}")  # noqa: S308 (a resolved address and a UUID)


@lru_cache(maxsize=64)
def _around(name: str) -> tuple[str, str]:
    nobody = UUID(int=0)
    head, tail = escape(reverse(name, args=[nobody])).split(str(nobody))
    return head, tail


@register.simple_tag(takes_context=True)
def query(context: RequestContext, **changes: Any) -> SafeString:
    """The page's own query with some keys changed; an empty value takes its key out."""
    request = context["request"]
    # what stays is the same in every row of a list
    kept: dict[tuple[str, ...], str] = request.__dict__.setdefault("_kt_query", {})
    names = tuple(changes)
    if names not in kept:
        given: QueryDict = request.GET
        kept[names] = urlencode(
            [(key, one) for key, found in given.lists() if key not in changes for one in found]
        )
    changed = urlencode([(key, one) for key, one in changes.items() if one not in (None, "")])
    return escape("?" + "&".join(filter(None, (kept[names], changed))))


@register.simple_tag
def due_chip(due: fmt.Due, escalated: bool = False) -> SafeString:
    """How much time is left, in a word, a sign and a colour; `escalated` (督办) is the sign of a
    bell. Made here and not by a template of its own: lists show fifty."""
    if due.state == "none":
        return format_html('<span class="kt-3" title="{}">—</span>', _("这一步没有时限"))
    title = fmt.full(due.at)
    if due.provisional:
        title = f"{title} {_('（暂定：放假安排未导入）')}"
    return format_html(
        '<span class="kt-due is-{}" title="{}">{}{}{}{}</span>',
        due.state,
        title,
        _escalated() if escalated else icon(due.icon),
        due.word,
        format_html(" <b>{}</b>", due.left) if due.left else "",
        f" {_('暂定')}" if due.provisional else "",
    )


def _escalated() -> SafeString:
    told = _("已超时，已报督办")
    return format_html(
        '<span class="kt-mark-late" role="img" aria-label="{}" title="{}">{}</span>',
        told,
        told,
        icon("bell-ringing"),
    )
