"""The clocks of phases: counted anew with their ledger, told in levels, read for pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.clock import now as clock_now
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import due, listening, phases, planned, reasons
from kaitong.process.definitions import model_of
from kaitong.process.errors import ProcessNotFound
from kaitong.process.model import Model
from kaitong.process.models import Instance, Phase, Suspension
from kaitong.process.shell import Play
from kaitong.worktime import rules

Ledger = Callable[[Iterable[Suspension]], list[rules.Suspension]]
DUE = """select id, instance_id from process_phase where ended_at is null
 and alarm_at <= %s order by alarm_at limit %s"""


@dataclass(frozen=True, slots=True)
class PhaseFact:
    """A phase of an instance: when it is due, whether it lasts."""

    id: UUID
    instance_id: UUID
    business_id: UUID | None
    key: str
    title: str
    started_at: datetime
    ended_at: datetime | None
    due_at: datetime | None
    provisional: bool

    @property
    def late(self) -> bool:
        return self.due_at is not None and (self.ended_at or clock_now()) > self.due_at


def recount(play: Play, lines: list[Suspension], ledger: Ledger) -> None:
    """Count the phase of the item of this step anew; `lines` are its item's, as they will be."""
    key = phases.of_model(play.model).get(play.row["node"])
    if key is not None:
        _recount(play, key, lines, ledger)


def taken_away(play: Play, ledger: Ledger) -> None:
    """Suspended work that is returned or taken away stands no longer: a phase that goes on without
    it counts only what stood."""
    of_node = phases.of_model(play.model)
    going = {of_node[token.node] for token in play.state.tokens if token.node in of_node}
    if not going:
        return
    tokens = [str(line["token"]) for line in play.change.suspensions_ended]
    found = Suspension.objects.filter(workitem__token_id__in=tokens, workitem__state="suspended")
    lines: dict[str, list[Suspension]] = {}
    for line in found.filter(voided_at=None).select_related("workitem").order_by("since"):
        line.ended = line.ended or play.now
        lines.setdefault(of_node.get(line.workitem.node, ""), []).append(line)
    for key in sorted(going & lines.keys()):
        _recount(play, key, lines[key], ledger)


def _recount(play: Play, key: str, lines: list[Suspension], ledger: Ledger) -> None:
    """`lines` stand for all lines of their items, as they will be."""
    row = Phase.objects.filter(instance_id=play.loaded.id, key=key).first()
    if row is None or not row.due_basis:
        return
    if any(change["id"] == row.pk for change in play.change.phases_changed):
        return  # counted anew in this step already
    items = {line.workitem_id for line in lines}
    others = lines_of(play.loaded.id, play.model, key).exclude(workitem_id__in=items)
    counted = ledger(sorted([*others, *lines], key=lambda line: line.since))
    found = due.recount(row.due_basis, counted)
    timed = _planned(play.loaded.parameters, key, found, counted)
    told = planned.ahead(timed, row.alarms or (), play.now)
    play.change.phases_changed.append(
        {
            "id": row.pk,
            "due_at": found.at,
            "due_basis": found.basis,
            "provisional": found.provisional,
            "alarm_at": planned.following(timed, told),
            "alarms": told or None,
        }
    )


def lines_of(instance_id: UUID, model: Model, key: str) -> Any:
    """The ledger of a phase: what stood of the work of its tasks."""
    return Suspension.objects.filter(
        workitem__instance_id=instance_id,
        workitem__node__in=phases.nodes_of(model, key),
        voided_at=None,
    )


def alarm(ledger: Ledger) -> Callable[[Mapping[str, Any], datetime], bool]:
    """Tell the levels of a phase that are due; for `inbound.batch`."""

    def told(row: Mapping[str, Any], _now: datetime) -> bool:
        play = Play.if_free(row["instance_id"], "phase", row["id"])
        if play is None or play.row["ended_at"] is not None or not play.row["alarm_at"]:
            return False
        if datetime.fromisoformat(play.row["alarm_at"]) > play.now:
            return False
        phase = play.row
        found = due.Due(datetime.fromisoformat(phase["due_at"]), phase["due_basis"])
        counted = ledger(lines_of(play.loaded.id, play.model, phase["key"]).order_by("since"))
        timed = _planned(play.loaded.parameters, phase["key"], found, counted)
        before = list(phase["alarms"] or ())
        known = {str(one["level"]) for one in before}
        reached = [level for at, level in timed if at <= play.now and level.key not in known]
        before += [{"level": level.key, "at": play.now.isoformat()} for level in reached]
        for level in reached:
            play.note(
                "phase-alarmed",
                data={
                    "phase": phase["key"],
                    "title": phase["title"],
                    "level": level.key,
                    "tell": list(level.tell),
                    "late": level.late,
                    "due_at": phase["due_at"],
                },
            )
        play.patch(alarms=before, alarm_at=planned.following(timed, before))
        play.save()
        nodes = [play.model.nodes[node] for node in phases.nodes_of(play.model, phase["key"])]
        node = next((one for one in nodes if listening.named(one)), None)
        for level in reached if node is not None else ():
            assert node is not None
            listening.tell(
                listening.StepFact(
                    event="overdue" if level.late else "soon",
                    instance_id=play.loaded.id,
                    business_id=play.loaded.business_id,
                    branch_id=UUID(phase["branch_id"]),
                    item_id=UUID(phase["id"]),
                    node=node,
                    post="",
                    person=None,
                    due_at=found.at,
                    now=play.now,
                    level=level.key,
                    tell=level.tell,
                )
            )
        return bool(reached)

    return told


def _planned(
    parameters: Mapping[str, Any], key: str, found: due.Due, counted: list[rules.Suspension]
) -> list[Any]:
    table = parameters.get(str(phases.entry(parameters, key).get("levels", "")))
    return planned.plan_of(table, basis=found.basis, due_at=found.at, suspensions=counted)


def of_businesses(actor: Actor, business_ids: Iterable[UUID]) -> dict[UUID, list[PhaseFact]]:
    """Phases by business, in the order in which they began; one query."""
    rows = org.visible_to(Phase.objects.filter(business_id__in=list(business_ids)), actor)
    found: dict[UUID, list[PhaseFact]] = {}
    for row in rows.order_by("created_at", "id"):
        assert row.business_id is not None
        found.setdefault(row.business_id, []).append(_fact(row))
    return found


def explain(
    actor: Actor, phase_id: UUID, ledger: Callable[..., list[rules.Suspension]], say: Any = str
) -> rules.Deadline | None:
    """Why a phase is due when it is. None without a budget."""
    row = org.visible_to(Phase.objects.filter(pk=phase_id), actor).first()
    if row is None:
        raise ProcessNotFound(_("没有这个阶段。"), _("请刷新页面。"))
    if not row.due_basis:
        return None
    instance = Instance.objects.only("definition_id", "parameters").get(pk=row.instance_id)
    model = model_of(instance.definition_id)
    titles = {c: say(t) for c, t in reasons.titles(instance.parameters).items()}
    lines = lines_of(row.instance_id, model, row.key).order_by("since")
    return due.explain(row.due_basis, ledger(lines, titles))


def _fact(row: Phase) -> PhaseFact:
    return PhaseFact(
        id=row.pk,
        instance_id=row.instance_id,
        business_id=row.business_id,
        key=row.key,
        title=row.title,
        started_at=row.created_at,
        ended_at=row.ended_at,
        due_at=row.due_at,
        provisional=row.provisional,
    )
