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

from kaitong.activation import (
    acting,
    kinds,
    operating,
    queries,
    reconciling,
    services,
    wanting,
)
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Conversation,
    Proof,
    ProofKind,
)
from kaitong.activation.choices import DifferenceKind, ElementKind
from kaitong.activation.errors import ActivationError, ElementProblem, Unreachable
from kaitong.activation.found import Found
from kaitong.activation.models import NetworkElement
from kaitong.activation.records import For
from kaitong.core import audit
from kaitong.core.errors import BadInput, Forbidden, InputFault
from kaitong.inventory import queries as inventory
from kaitong.inventory import reckoning
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
    by_branch: dict[UUID, int] = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """What one run did. `left` are proven at the new one and, as work, still at the old one;
    `held` are those the old one still had, `silent` those it was asked for and did not answer;
    `troubles` are sentences, by account, and `services` whose they are."""

    carried: int = 0
    left: int = 0
    held: int = 0
    silent: int = 0
    stopped: bool = False
    troubles: dict[str, str] = field(default_factory=dict)
    services: dict[str, UUID] = field(default_factory=dict)


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


def shares(*, actor: Actor, key: str) -> list[Share]:
    """`plan` without asking the element: how many lines, of which branches. Constant queries."""
    old = _old(actor, key)
    found = _shares(old)
    for share in found:
        named = old.kind != ElementKind.DHCP  # a line there is called by its service
        for (branch_id, *spec), count in reckoning.counted(share.branches, named=named).items():
            if wanting.kind_of_specification(*spec) == old.kind:
                share.by_branch[branch_id] = share.by_branch.get(branch_id, 0) + count
        share.lines, share.left = sum(share.by_branch.values()), None
    return [share for share in found if share.lines]


def some(*, actor: Actor, key: str, limit: int = 20) -> list[UUID]:
    """The first of the lines it is about."""
    lines = itertools.chain.from_iterable(map(_lines, _shares(_old(actor, key))))
    return [service_id for _name, service_id in itertools.islice(lines, limit)]


def carry(
    *,
    actor: Actor,
    key: str,
    batch: int = BATCH,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[int, Report], None] = lambda *_: None,
    dry_run: bool = False,
) -> Report:
    """Take over what an element still holds of lines that others serve now. `stop` is asked before
    each batch, `tell` hears after it how many lines were looked at; again goes on with what is
    left. A dry run asks the old element what it holds, and sends nothing."""
    old, report = _old(actor, key), Report()
    looked = 0
    if not dry_run:
        _recorded(actor, old)
    for share in _shares(old):
        lines = _lines(share)
        while page := list(itertools.islice(lines, batch)):
            if stop():
                report.stopped = True
                return _trimmed(report)
            names = dict(page)
            todo = _todo(share, names, report)
            if todo and not dry_run:
                _batch(share, todo, report)
            looked += len(names)
            _trimmed(report)
            tell(looked, report)
    return _trimmed(report)


# ---- inside --------------------------------------------------------------------------------------


def _trimmed(report: Report) -> Report:
    report.services = {name: report.services[name] for name in report.troubles}
    return report


def _recorded(actor: Actor, old: NetworkElement) -> None:
    audit.record(
        "lines-carried",
        actor_id=actor.id,
        subject_type="activation.element",
        subject_id=old.pk,
        branch_id=old.branch_id,
        data={},
    )


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


def _todo(share: Share, names: dict[str, UUID], report: Report) -> dict[str, UUID]:
    """Those the old one still has, and those it does not answer for."""
    todo = {}
    for name, service_id in names.items():
        held = _held(share.old, name)
        report.held += held is True
        report.silent += held is None
        if held is not False:
            todo[name] = service_id
    report.services |= todo
    return todo


def _batch(share: Share, todo: dict[str, UUID], report: Report) -> None:
    """Written to the new one together, proven each, and taken out of the old one."""

    todo = _written(share, todo, report)
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


def _written(share: Share, todo: dict[str, UUID], report: Report) -> dict[str, UUID]:
    """Those that stand at the new one by now. What refuses a batch is one of its lines: then each
    goes alone. A new one that is away ends the run, which is taken up again."""

    def desired(asked: Sequence[str]) -> list[AccountChange]:
        fresh = {view.id: view for view in inventory.services_by_ids([todo[n] for n in asked])}
        return [_wanted(share.new, fresh[todo[name]]) for name in asked]

    try:
        operating.bring_many(share.new, list(todo), desired, For(share.new.branch_id))
    except Unreachable:
        raise
    except ActivationError as error:
        if len(todo) == 1:
            report.troubles |= dict.fromkeys(todo, error.what)
            return {}
        alone = [_written(share, {name: one}, report) for name, one in todo.items()]
        return {name: one for part in alone for name, one in part.items()}
    return todo


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
