"""Reads the time of a timer event: a date, a duration, or a cycle, in ISO 8601 or FEEL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from kaitong.process.bpmn_xml import BPMN, Element
from kaitong.process.cycles import cycle_of
from kaitong.process.feel import Expression, FeelError, compile
from kaitong.process.feel.temporal import duration_of, moment_of
from kaitong.process.model import NodeKind, TimerSpec

if TYPE_CHECKING:
    from kaitong.process.bpmn_nodes import NodeReader


def read(
    reader: NodeReader,
    element: Element,
    definition: Element,
    attributes: Mapping[str, str],
    kind: NodeKind,
) -> TimerSpec:
    working = attributes.get("working") == "true"
    holders = [c for c in definition.children if c.space == BPMN and c.tag.startswith("time")]
    if len(holders) != 1 or not holders[0].text.strip():
        reader.faults.add(
            definition,
            "The timer says several times." if len(holders) > 1 else "The timer says no time.",
            "Give it one timeDuration (PT48H), timeDate or timeCycle (R3/PT1H).",
        )
        return TimerSpec(working=working)
    holder = holders[0]
    _standing(reader, element, holder, kind)
    if holder.tag == "timeCycle":
        cycle = _time(reader, element, holder, r"R\d*/", cycle_of)
        return TimerSpec(cycle=cycle, working=working)
    if holder.tag == "timeDate":
        if working:
            reader.faults.add(
                element, "kaitong:working stands beside a date.", "It counts durations only."
            )
        return TimerSpec(date=_time(reader, element, holder, r"\d{4}-", moment_of))
    return TimerSpec(
        duration=_time(reader, element, holder, r"-?P[\dT]", duration_of), working=working
    )


def _time(
    reader: NodeReader,
    element: Element,
    holder: Element,
    iso: str,
    check: Callable[[object], object],
) -> Expression | None:
    """ISO 8601 as it stands, or FEEL; what is constant must make sense already."""
    text = holder.text.strip()
    line = holder.text_line or holder.line
    remedy = "Write ISO 8601 (PT48H, P3D, 2026-01-31T08:30:00+08:00) or a FEEL expression."
    if holder.tag == "timeCycle":
        remedy = "Write ISO 8601 (R3/PT1H, R/P1D, R/2026-01-31T08:30:00+08:00/P1D)."
    if re.match(iso, text) and '"' not in text:
        text = f'"{text}"'
    try:
        expression = compile(text, where=f"{element.id} {holder.tag}")
        if not expression.names:
            value = check(expression.evaluate({}))
            if holder.tag == "timeDuration" and str(value).startswith("-"):
                raise ValueError("the duration is negative")
    except FeelError as error:
        reader.faults.add_at(line + error.line - 1, element.label, str(error), remedy)
        return None
    except (ValueError, OverflowError) as error:
        reader.faults.add_at(line, element.label, f"{holder.tag}: {error}.", remedy)
        return None
    return expression


def _standing(reader: NodeReader, element: Element, holder: Element, kind: NodeKind) -> None:
    """Where which kind of timer may stand."""
    if holder.tag == "timeCycle" and (
        kind is NodeKind.TIMER_CATCH
        or (kind is NodeKind.BOUNDARY_TIMER and element.get("cancelActivity", "true") != "false")
        or (
            element.id in reader.begun_by_events
            and element.get("isInterrupting", "true") != "false"
        )
    ):
        reader.faults.add(
            element,
            "A timer that happens only once has a timeCycle.",
            "Use timeDuration or timeDate; a cycle belongs to a start event of a process, or to an"
            " event that interrupts nothing.",
        )
    if kind is not NodeKind.TIMER_START or element.id in reader.begun_by_events:
        return
    if holder.tag == "timeDuration":
        reader.faults.add(
            element,
            "A timer that begins an instance has a timeDuration: there is nothing it runs from.",
            "Use timeDate, or timeCycle (R/P1D).",
        )
    elif not re.match(r"R\d*/|\d{4}-", holder.text.strip()):
        reader.faults.add(
            element,
            "A timer that begins an instance is not written as a constant.",
            "Write ISO 8601 (2026-01-31T08:30:00+08:00, R/P1D): there are no variables yet.",
        )
