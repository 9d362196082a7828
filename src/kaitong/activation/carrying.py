"""Another element for a branch (网元割接): its lines go from the old one to the one that serves.

When a branch gets an element of its own, everything that is sent from then on goes there; what the
old one holds stays, and with it customers who could still log in. `plan` says how many lines that
are; `carry` takes them over in batches: written to the new one, proven there, and only then taken
out of the old one. How far it has come is what the elements themselves hold: stopped or killed
anywhere, the next run goes on with what the old one still has, and twice changes nothing.

An old element that does not answer leaves the removal as work: each account becomes a difference of
that element (对账差异), which the playbook's process brings before the network department.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.activation import acting, kinds, operating, queries, reconciling, services
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Conversation,
    Proof,
    ProofKind,
)
from kaitong.activation.choices import DifferenceKind
from kaitong.activation.errors import ActivationError, ElementProblem, Unreachable
from kaitong.activation.found import Found
from kaitong.activation.models import NetworkElement
from kaitong.activation.records import For
from kaitong.core import audit
from kaitong.core.errors import BadInput, Forbidden, InputFault
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.org import queries as org
from kaitong.org.actor import Actor

BATCH = 100  # lines written in one transaction of the new element


@dataclass(slots=True)
class Share:
    """What goes from one element to one other. `left`: still at the old one; None while that does
    not answer."""

    old: NetworkElement
    new: NetworkElement
    branches: list[UUID] = field(repr=False, default_factory=list)
    lines: int = 0
    left: int | None = 0


@dataclass(slots=True)
class Report:
    """What one run did. `left` are proven at the new one and, as work, still at the old one;
    `troubles` are sentences, by account."""

    carried: int = 0
    left: int = 0
    stopped: bool = False
    troubles: dict[str, str] = field(default_factory=dict)


def plan(*, actor: Actor, key: str) -> list[Share]:
    """By which other elements the lines of an element's branches are served now, and how many it
    still holds; changes nothing. Raises BadInput for an element that is not known."""
    shares = _shares(_old(actor, key))
    for share in shares:
        for name, _service_id in _lines(share):
            share.lines += 1
            there = _held(share.old, name)
            share.left = None if there is None or share.left is None else share.left + there
    return [share for share in shares if share.lines]


def carry(
    *, actor: Actor, key: str, batch: int = BATCH, stop: Callable[[], bool] = lambda: False
) -> Report:
    """Take over what an element still holds of lines that others serve now. `stop` is asked before
    each batch; again goes on with what is left."""
    old, report = _old(actor, key), Report()
    audit.record(
        "lines-carried",
        actor_id=actor.id,
        subject_type="activation.element",
        subject_id=old.pk,
        branch_id=old.branch_id,
        data={},
    )
    for share in _shares(old):
        lines = _lines(share)
        while page := list(itertools.islice(lines, batch)):
            if stop():
                report.stopped = True
                return report
            _batch(share, dict(page), report)
    return report


# ---- inside --------------------------------------------------------------------------------------


def _old(actor: Actor, key: str) -> NetworkElement:
    if not actor.is_system and not reconciling.may_repair(actor):
        raise Forbidden(_("割接由网络岗位或班长办理。"))
    found: NetworkElement | None = (
        org.visible_to(NetworkElement.objects.all(), actor).filter(key=key).first()
    )
    if found is None:
        raise BadInput([InputFault("key", _("没有网元 %(key)s。") % {"key": key})])
    kinds.of(found.kind)  # one that nothing can be sent to has no lines
    return found


def _shares(old: NetworkElement) -> list[Share]:
    """By the other elements that serve branches at and below the old one's."""
    found: dict[UUID, Share] = {}
    for branch_id in org.branches_below(old.branch_id):
        try:
            new = queries.element_for(old.kind, branch_id)
        except ElementProblem:
            continue  # none is in service there: nothing can be carried over yet
        if new.pk != old.pk:
            found.setdefault(new.pk, Share(old, new)).branches.append(branch_id)
    return list(found.values())


def _lines(share: Share) -> Iterator[tuple[str, UUID]]:
    """What the services of these branches are called at such an element, page by page."""
    kind = kinds.of(share.old.kind)
    for one in reconciling.living_at(share.old, share.branches):
        if name := kind.name(one):
            yield name, one.service_id


def _held(old: NetworkElement, name: str) -> bool | None:
    """Whether the old one still has something of a line; None while it does not answer."""
    try:
        return services.adapter(old).read(name, Conversation()).state is not AccountState.ABSENT
    except Unreachable:
        return None


def _batch(share: Share, names: dict[str, UUID], report: Report) -> None:
    todo = {name: i for name, i in names.items() if _held(share.old, name) is not False}
    if not todo:
        return

    def desired(asked: Sequence[str]) -> list[AccountChange]:
        fresh = {view.id: view for view in inventory.services_by_ids([todo[n] for n in asked])}
        return [_wanted(share.new, fresh[todo[name]]) for name in asked]

    operating.bring_many(share.new, list(todo), desired, For(share.new.branch_id))
    views = {view.id: view for view in inventory.services_by_ids(list(todo.values()))}
    for name, service_id in todo.items():
        try:
            proof = _prove(share.new, views[service_id])
        except ActivationError as error:
            report.troubles[name] = error.what
            continue
        if proof.ok:
            _out_of_the_old(share.old, name, views[service_id], report)
        else:
            report.troubles[name] = kinds.of(share.new.kind).sentence(proof)


def _wanted(new: NetworkElement, view: ServiceView) -> AccountChange:
    return acting.desired_account(
        view, new, acting.password_for(kinds.of(new.kind), view, "网元割接")
    )


def _prove(new: NetworkElement, view: ServiceView) -> Proof:
    """The new one treats it as it must: let in, or refused for the reason it is shut off for."""
    kind, barred = kinds.of(new.kind), acting.barred_for(view)
    password = acting.password_for(kind, view, "割接验证")
    what = For(view.branch_id, view.id, None, f"carried:{view.id}")
    if barred:
        subject = kind.subject(view, password=password, barred_for=barred)
        return operating.prove(new, subject, ProofKind.SUSPENDED, what)
    return services.prove_account(new, kind.subject(view, password=password), what)


def _out_of_the_old(old: NetworkElement, name: str, view: ServiceView, report: Report) -> None:
    """Removed, or left as work of the network department."""
    change = AccountChange(account=name, state=AccountState.ABSENT)
    try:
        services.apply_account(
            old, change, For(view.branch_id, view.id, None, f"carried:{view.id}")
        )
    except ActivationError as error:
        report.troubles[name] = error.what
        report.left += 1
        reconciling.keep_as_work(old, Found(name, DifferenceKind.EXTRA, view.branch_id, view.id))
        return
    report.carried += 1
