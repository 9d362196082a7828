"""Reading the fallout desk (异常单): one by one, equal ones as one line, causes counted, notes.

What is open is counted from an index alone; a list reads one page of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import fallout, reads, scopes
from kaitong.process.choices import IncidentState, ProposalState
from kaitong.process.definitions import model_of
from kaitong.process.errors import ProcessNotFound
from kaitong.process.model import Node
from kaitong.process.models import Incident, IncidentNote, Instance, Proposal, Token

SORTS = ("age", "due", "tries")


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    id: UUID
    instance_id: UUID
    token_id: UUID
    business_id: UUID | None
    branch_id: UUID
    definition_id: UUID | None
    node: str
    title: str
    action: str
    post: str
    cause: str
    message: str
    state: str
    created_at: datetime
    command_id: UUID | None
    tries: int
    retried_at: datetime | None
    claimed_by: UUID | None
    claimed_name: str
    sameness: str
    resolution: str
    resolved_by: UUID | None
    resolved_name: str
    resolved_at: datetime | None
    evidence: str
    second_person: UUID | None
    second_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """Equal incidents (同类) as one line: `sample` is the oldest of them."""

    sameness: str
    count: int
    orders: int
    customers: int
    since: datetime
    newest: datetime
    due_at: datetime | None
    claimed: int
    tries: int  # of the one that was retried most
    sample: IncidentRow


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteRow:
    at: datetime
    kind: str
    by_name: str
    text: str
    data: Mapping[str, Any]
    to_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRow:
    kind: str
    by: UUID
    by_name: str
    at: datetime
    text: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What settling one incident needs to know of its step and its process."""

    node: Node
    playbook: str
    process_hash: str
    correctable: tuple[str, ...]
    results: tuple[str, ...]  # variables that the step's own results would become
    values: Mapping[str, Any]  # of those named above, as they are
    needs_second: bool


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list. `total` counts all pages."""

    rows: Sequence[Any] = field(default_factory=list)
    total: int = 0


def incidents(
    actor: Actor,
    *,
    state: str | None = IncidentState.OPEN,
    cause: str | None = None,
    node: str | None = None,
    action: str | None = None,
    sameness: str | None = None,
    mine: bool = False,
    definition_ids: Iterable[UUID] | None = None,
    business_id: UUID | None = None,
    due: Subquery | None = None,
    sort: str = "age",
    offset: int = 0,
    limit: int = 50,
) -> Found:
    """The fallout desk (异常单), oldest first; what is settled, newest first.

    `state=None`: all of them. `due` is another package's look at when a row's business is due, for
    `sort="due"`. `sort` is one of SORTS.
    """
    rows = _wanted(actor, state, cause, node, action, sameness, mine, definition_ids)
    if business_id is not None:
        rows = rows.filter(business_id=business_id)
    total = rows.count()
    order: tuple[Any, ...] = ("created_at", "id")
    if state not in (None, IncidentState.OPEN):
        order = ("-created_at", "-id")
    if sort == "due" and due is not None:
        rows, order = rows.annotate(order_due=due), (F("order_due").asc(nulls_last=True), *order)
    elif sort == "tries":
        order = ("-tries", *order)
    return Found(_rows(list(rows.order_by(*order)[offset : offset + limit])), total)


def incident_groups(
    actor: Actor,
    *,
    cause: str | None = None,
    node: str | None = None,
    mine: bool = False,
    due: Subquery | None = None,
    party: Subquery | None = None,
    sort: str = "age",
    offset: int = 0,
    limit: int = 50,
) -> Found:
    """Open incidents with equal ones as one line: most of one kind first, then the oldest.

    `due` and `party` are another package's looks at when a row's business is due, and whose it is.
    """
    rows = _wanted(actor, IncidentState.OPEN, cause, node, None, None, mine, None)
    if due is not None:
        rows = rows.annotate(order_due=due)
    if party is not None:
        rows = rows.annotate(customer=party)
    groups = rows.values("sameness").annotate(
        count=Count("id"),
        orders=Count("business_id", distinct=True),
        customers=Count("customer" if party is not None else "business_id", distinct=True),
        since=Min("created_at"),
        newest=Max("created_at"),
        due_at=Min("order_due") if due is not None else Min("created_at"),
        claimed=Count("claimed_by"),
        tries=Max("tries"),
    )
    order: tuple[Any, ...] = ("-count", "since", "sameness")
    if sort == "age":
        order = ("since", "sameness")
    elif sort == "due":
        order = (F("due_at").asc(nulls_last=True), "since", "sameness")
    total = rows.values("sameness").distinct().count()
    page: list[Any] = list(groups.order_by(*order)[offset : offset + limit])
    samples = _samples(rows, [group["sameness"] for group in page])
    return Found(
        [
            GroupRow(
                **{**group, "due_at": group["due_at"] if due is not None else None},
                sample=samples[group["sameness"]],
            )
            for group in page
            if group["sameness"] in samples
        ],
        total,
    )


def group_rows(actor: Actor, sameness: str, *, limit: int) -> list[IncidentRow]:
    """Open incidents of one kind, oldest first."""
    rows = _wanted(actor, IncidentState.OPEN, None, None, None, sameness, False, None)
    return _rows(list(rows.order_by("created_at", "id")[:limit]))


def incident_rows(actor: Actor, ids: Iterable[UUID]) -> dict[UUID, IncidentRow]:
    """Those of these incidents that the actor sees."""
    rows = org.visible_to(Incident.objects.filter(pk__in=list(ids)), actor)
    return {row.id: row for row in _rows(list(rows))}


def incident_causes(actor: Actor, *, state: str | None = IncidentState.OPEN) -> dict[str, int]:
    """How many incidents of each cause there are, most first; from the index alone."""
    rows = org.visible_to(Incident.objects.all(), actor)
    if state is not None:
        rows = rows.filter(state=state)
    counted = rows.order_by().values_list("cause").annotate(n=Count("*")).order_by("-n", "cause")
    return dict(counted)


def incident(actor: Actor, incident_id: UUID) -> IncidentRow:
    """One incident. NotFound for another branch's."""
    return _rows([_one(actor, incident_id)])[0]


def incident_notes(actor: Actor, incident_id: UUID) -> list[NoteRow]:
    """What people said and did about this trouble, over all incidents of its token."""
    row = _one(actor, incident_id)
    notes = list(IncidentNote.objects.filter(token_id=row.token_id).order_by("created_at", "id"))
    names = org.staff_names([*(n.by for n in notes), *(_to(n) for n in notes)])
    return [
        NoteRow(
            at=note.created_at,
            kind=note.kind,
            by_name=names.get(note.by, "") if note.by else "",
            text=note.text,
            data=note.data,
            to_name=names.get(_to(note), ""),  # type: ignore[arg-type]
        )
        for note in notes
    ]


def proposal(actor: Actor, incident_id: UUID) -> ProposalRow | None:
    """What waits for a second person's word, if anything does."""
    row = _one(actor, incident_id)
    made = Proposal.objects.filter(incident_id=row.pk, state=ProposalState.OPEN).first()
    if made is None or row.state != IncidentState.OPEN:
        return None
    return ProposalRow(
        kind=made.kind,
        by=made.by,
        by_name=org.staff_names([made.by]).get(made.by, ""),
        at=made.created_at,
        text=made.text,
        values=made.values,
    )


def settling(actor: Actor, incident_id: UUID) -> Settling | None:
    """What may be corrected at the step, and what its results would become; None if it is gone."""
    row = _one(actor, incident_id)
    found = Instance.objects.select_related("definition").defer("definition__bpmn")
    instance = found.get(pk=row.instance_id)
    model = model_of(instance.definition_id)
    node = model.nodes.get(row.node)
    if node is None:
        return None
    held, _opened = scopes.read(instance.scopes)
    token = Token.objects.filter(pk=row.token_id).values_list("scope", flat=True).first()
    place = scopes.sight(held, row.token_id, token or scopes.ROOT)
    variables = scopes.seen(held, place, instance.variables)
    names = fallout.correctable(model, node, variables)
    results = reads.names_written(node)
    return Settling(
        node=node,
        playbook=instance.definition.playbook,
        process_hash=instance.definition.hash,
        correctable=tuple(names),
        results=tuple(results),
        values={n: variables.get(n) for n in (*names, *results)},
        needs_second=fallout.needs_second(node),
    )


# ---- inside --------------------------------------------------------------------------------------


def _one(actor: Actor, incident_id: UUID) -> Incident:
    found = org.visible_to(Incident.objects.filter(pk=incident_id), actor).first()
    if found is None:
        raise ProcessNotFound(_("没有这张异常单。"), _("请核对编号和所在分公司。"))
    return found


def _wanted(
    actor: Actor,
    state: str | None,
    cause: str | None,
    node: str | None,
    action: str | None,
    sameness: str | None,
    mine: bool,
    definition_ids: Iterable[UUID] | None,
) -> QuerySet[Incident]:
    rows = org.visible_to(Incident.objects.all(), actor)
    told = {"state": state, "cause": cause, "node": node, "action": action, "sameness": sameness}
    rows = rows.filter(**{key: value for key, value in told.items() if value is not None})
    if definition_ids is not None:
        rows = rows.filter(definition_id__in=list(definition_ids))
    if mine:  # mine to look after, or asked of others and not mine to agree to
        waits = Proposal.objects.filter(incident_id=OuterRef("pk"), state=ProposalState.OPEN)
        others = waits.exclude(by=actor.id) if actor.id else waits
        rows = rows.filter(Q(claimed_by=actor.id) | Q(Exists(others)))
    return rows


def _samples(rows: QuerySet[Incident], kinds: Sequence[str]) -> dict[str, IncidentRow]:
    """The oldest incident of each kind."""
    oldest = (
        rows.filter(sameness__in=kinds)
        .order_by("sameness", "created_at", "id")
        .distinct("sameness")
        .values_list("pk", flat=True)
    )
    found = _rows(list(Incident.objects.filter(pk__in=list(oldest))))
    return {row.sameness: row for row in found}


def _to(note: IncidentNote) -> UUID | None:
    told = note.data.get("to")
    return UUID(str(told)) if told else None


def _rows(found: Sequence[Incident]) -> list[IncidentRow]:
    people = [(row.claimed_by, row.resolved_by, row.second_person) for row in found]
    names = org.staff_names(person for three in people for person in three)
    plain = [n for n in IncidentRow.__dataclass_fields__ if not n.endswith("_name")]
    return [
        IncidentRow(
            **{name: getattr(row, name) for name in plain if name != "message"},
            message=wording.read(row.message),
            claimed_name=names.get(row.claimed_by, "") if row.claimed_by else "",
            resolved_name=names.get(row.resolved_by, "") if row.resolved_by else "",
            second_name=names.get(row.second_person, "") if row.second_person else "",
        )
        for row in found
    ]
