"""Small charts as SVG made on the server: no script, no inline style, colours by class."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WIDE, _TALL, _GAP = 6, 18, 2


def spark(values: Sequence[float | None], label: str) -> SafeString:
    """One bar for each value; None is a gap. `label` says it in words."""
    most = max((value for value in values if value), default=0) or 1
    bars = []
    for at, value in enumerate(values):
        if value is None:
            continue
        tall = max(1.0, _TALL * value / most)
        bars.append((at * (_WIDE + _GAP), f"{_TALL - tall:.1f}", _WIDE, f"{tall:.1f}"))
    return format_html(
        '<svg class="kt-spark" width="{}" height="{}" role="img" aria-label="{}">'
        "<title>{}</title>{}</svg>",
        max(1, len(values) * (_WIDE + _GAP) - _GAP),
        _TALL,
        label,
        label,
        format_html_join(
            "", '<rect x="{}" y="{}" width="{}" height="{}" rx="1"></rect>', iter(bars)
        ),
    )


def bar(share: float, tone: str = "", label: str = "") -> SafeString:
    """A horizontal bar, `share` of its cell from 0 to 1."""
    return format_html(
        '<svg class="kt-hbar {}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="kt-hbar-all" width="100" height="8" rx="1"></rect>'
        '<rect class="kt-hbar-part" width="{}" height="8" rx="1"></rect></svg>{}',
        f"is-{tone}" if tone else "",
        f"{max(0.0, min(1.0, share)) * 100:.1f}",
        label,
    )


def columns(
    rows: Sequence[tuple[str, Sequence[tuple[str, float]]]], *, tall: int = 120, label: str = ""
) -> SafeString:
    """Stacked columns: (name below, ((tone, value), ...)) from left to right."""
    most = max((sum(value for _tone, value in parts) for _name, parts in rows), default=0) or 1
    wide, gap = 28, 10
    shapes = []
    for at, (_name, parts) in enumerate(rows):
        top = float(tall)
        for tone, value in parts:
            high = tall * value / most
            top -= high
            if value:
                shapes.append((f"is-{tone}", at * (wide + gap), f"{top:.1f}", wide, f"{high:.1f}"))
    names = [(at * (wide + gap) + wide / 2, tall + 16, name) for at, (name, _p) in enumerate(rows)]
    totals = [
        (
            at * (wide + gap) + wide / 2,
            f"{tall - tall * sum(v for _t, v in parts) / most - 4:.1f}",
            f"{sum(v for _t, v in parts):g}",
        )
        for at, (_name, parts) in enumerate(rows)
        if sum(v for _t, v in parts)
    ]
    total_wide = max(1, len(rows) * (wide + gap) - gap)
    return format_html(
        '<svg class="kt-columns" viewBox="0 -16 {} {}" role="img" aria-label="{}">{}{}{}</svg>',
        total_wide,
        tall + 38,
        label,
        format_html_join(
            "",
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}"></rect>',
            iter(shapes),
        ),
        format_html_join("", '<text x="{}" y="{}" text-anchor="middle">{}</text>', iter(names)),
        format_html_join(
            "", '<text class="kt-b" x="{}" y="{}" text-anchor="middle">{}</text>', iter(totals)
        ),
    )
