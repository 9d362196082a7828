"""A line over weeks or months as SVG made on the server, with the target it is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_STEP, _TALL, _LEFT, _TOP = 56, 150, 8, 22


def line(
    points: Sequence[tuple[str, float | None]],
    *,
    say: Callable[[float | None], str],
    label: str,
    target: float | None = None,
    target_text: str = "",
    passed: Sequence[bool | None] = (),
) -> SafeString:
    """One point for each time; None is a gap. Points that miss the target are told by a ring."""
    values = [value for _name, value in points if value is not None]
    known = [*values, *([target] if target is not None else [])]
    if not known:
        known = [0.0, 1.0]
    low, high = min(known), max(known)
    pad = (high - low) * 0.15 or abs(high) * 0.1 or 1.0
    low, high = max(0.0, low - pad), high + pad
    wide = _LEFT * 2 + _STEP * max(1, len(points))

    def across(at: int) -> float:
        return _LEFT + _STEP * at + _STEP / 2

    def down(value: float) -> float:
        return _TOP + (_TALL - _TOP) * (1 - (value - low) / (high - low))

    runs: list[list[tuple[float, float]]] = [[]]
    dots, texts, names = [], [], []
    for at, (name, value) in enumerate(points):
        names.append((f"{across(at):.1f}", _TALL + 18, name))
        if value is None:
            runs.append([])
            continue
        x, y = across(at), down(value)
        runs[-1].append((x, y))
        tone = "is-late" if at < len(passed) and passed[at] is False else "is-you"
        dots.append((tone, f"{x:.1f}", f"{y:.1f}"))
        texts.append((f"{x:.1f}", f"{y - 8:.1f}", say(value)))
    lines = [(" ".join(f"{x:.1f},{y:.1f}" for x, y in run),) for run in runs if len(run) > 1]
    goal: SafeString | str = ""
    if target is not None:
        y = f"{down(target):.1f}"
        goal = format_html(
            '<line class="kt-trend-goal" x1="0" x2="{}" y1="{}" y2="{}"></line>'
            '<text class="kt-trend-goal" x="{}" y="{}" text-anchor="end">{}</text>',
            wide, y, y, wide - 2, f"{down(target) - 4:.1f}", target_text,
        )  # fmt: skip
    return format_html(
        '<svg class="kt-trend" viewBox="0 0 {} {}" width="{}" height="{}" role="img"'
        ' aria-label="{}"><title>{}</title>{}{}{}{}{}</svg>',
        wide,
        _TALL + 26,
        wide,
        _TALL + 26,
        label,
        label,
        goal,
        format_html_join("", '<polyline points="{}"></polyline>', iter(lines)),
        format_html_join("", '<circle class="{}" cx="{}" cy="{}" r="3.5"></circle>', iter(dots)),
        format_html_join("", '<text x="{}" y="{}" text-anchor="middle">{}</text>', iter(names)),
        format_html_join(
            "", '<text class="kt-b" x="{}" y="{}" text-anchor="middle">{}</text>', iter(texts)
        ),
    )
