"""Verbs of activation.

`register_element` and `element_moved` change Kaitong's own rows. The others speak to the network:
they run outside of any transaction, may be called again with the same arguments, and leave an
`Exchange` behind, whatever happens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from kaitong.activation import kinds, queries
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Adapter,
    Conversation,
    Outcome,
    Proof,
    ProofKind,
    Subject,
)
from kaitong.activation.adapters.radius import RadiusAdapter
from kaitong.activation.adapters.sessions import Session
from kaitong.activation.choices import ElementKind, ElementState, Verb
from kaitong.activation.errors import ActivationError, ElementProblem
from kaitong.activation.models import NetworkElement, SessionCursor
from kaitong.activation.records import For, exchange
from kaitong.core.clock import now
from kaitong.inventory.results import ServiceView

_WINDOW = 256  # accounting numbers below the highest that may still appear


# ---- network elements ------------------------------------------------------------------------


@transaction.atomic
def register_element(
    *,
    key: str,
    kind: str,
    title: str,
    branch_id: UUID,
    connection: Mapping[str, Any],
    secret: Mapping[str, str],
) -> NetworkElement:
    """Make a network element known, or bring its row up to date; safe to call again.

    `secret` maps names the adapter knows (`radius`, `database`) to secrets; stored encrypted.
    """
    if ElementKind(kind) != ElementKind.OLT:  # known, and not spoken to
        kinds.of(kind).check(connection)
    element, made = NetworkElement.objects.select_for_update().get_or_create(
        key=key,
        defaults={
            "kind": kind,
            "title": title,
            "branch_id": branch_id,
            "connection": dict(connection),
        },
    )
    wanted = {"kind": kind, "title": title, "branch_id": branch_id, "connection": dict(connection)}
    changed = [name for name, value in wanted.items() if getattr(element, name) != value]
    for name in changed:
        setattr(element, name, wanted[name])
    if made or secrets_of(element) != dict(secret):
        element.secret = json.dumps(dict(secret), sort_keys=True)
        changed.append("secret")
    if changed:
        element.save()
    return element


@transaction.atomic
def element_moved(*, key: str, connection: Mapping[str, Any], secrets: Mapping[str, str]) -> bool:
    """An element that is known has a new place or new secrets; True when its row changed."""
    element = NetworkElement.objects.select_for_update().filter(key=key).first()
    if element is None:
        return False
    wanted = {**element.connection, **connection}
    if element.connection == wanted and secrets_of(element) == dict(secrets):
        return False
    element.connection = wanted
    element.secret = json.dumps(dict(secrets), sort_keys=True)
    element.save()
    return True


@transaction.atomic
def set_element_state(*, key: str, state: str) -> None:
    """Take an element out of service (work for it waits), or back into it."""
    ElementState(state)
    element = NetworkElement.objects.select_for_update().get(key=key)
    if element.state != state:
        element.state = state
        element.save(update_fields=["state"])


def adapter(element: NetworkElement) -> Adapter:
    """The adapter of an element's kind. Raises ElementProblem for a kind that has none."""
    return kinds.of(element.kind).adapter(element.connection, secrets_of(element))


def aaa(element: NetworkElement) -> RadiusAdapter:
    """The adapter of an AAA server: what only such servers can be asked."""
    found = adapter(element)
    if not isinstance(found, RadiusAdapter):
        raise ElementProblem(f"{element.kind} 类网元没有上网会话。")
    return found


def secrets_of(element: NetworkElement) -> dict[str, str]:
    """What only its adapter may know."""
    return dict(json.loads(element.secret)) if element.secret else {}


# ---- what is said to the network ---------------------------------------------------------------


def apply_account(
    element: NetworkElement, change: AccountChange, what: For, *, dry_run: bool = False
) -> Outcome:
    """Bring an account to its desired state. A dry run sends and stores nothing, and tells."""
    speaker = adapter(element)
    if dry_run:
        return speaker.apply(change, Conversation(), dry_run=True)
    verb = Verb.UNDO if change.state is AccountState.ABSENT else Verb.APPLY
    if verb is Verb.UNDO:
        _before_the_cut(element, change.account, what)
    with exchange(
        element, verb, what, hide=(change.password, *secrets_of(element).values())
    ) as talk:
        outcome = speaker.apply(change, talk)
        talk.ok = True
    return outcome


def bring_account(
    element: NetworkElement,
    account: str,
    desired: Callable[[], AccountChange],
    what: For,
    verb: Verb = Verb.APPLY,
) -> Outcome:
    """Bring an account to the state it shall have at the moment it is written.

    `desired` is asked while the account is locked at the server: of two who send at once the one
    who writes last has also asked last.
    """
    hide: list[str] = list(secrets_of(element).values())
    if verb in (Verb.UNDO, Verb.SUSPEND):
        _before_the_cut(element, account, what)

    def asked() -> AccountChange:
        change = desired()
        talk.hide(change.password)
        return change

    with exchange(element, verb, what, hide=hide) as talk:
        outcome = adapter(element).bring(account, asked, talk)
        talk.ok = True
    return outcome


def _before_the_cut(element: NetworkElement, account: str, what: For) -> None:
    """Keep until when terminals run on that are about to be cut off: whoever dies behind the cut
    leaves it known. Nothing is kept where nothing is held."""
    if not kinds.of(element.kind).leases:
        return
    speaker = adapter(element)
    try:
        until = speaker.holds_until(account, Conversation())
    except ActivationError:
        return  # the cut itself says so, and is tried again
    if until is None:
        return
    with exchange(element, Verb.READ, what, hide=secrets_of(element).values()) as talk:
        talk.until = speaker.holds_until(account, talk) or until
        talk.ok = True


def undo_account(element: NetworkElement, change: AccountChange, what: For) -> Outcome:
    """Restore what was before a change."""
    with exchange(
        element, Verb.UNDO, what, hide=(change.password, *secrets_of(element).values())
    ) as talk:
        outcome = adapter(element).undo(change, talk)
        talk.ok = True
    return outcome


def prove_account(element: NetworkElement, subject: Subject, what: For) -> Proof:
    """Account proven (账号已验证): its own password is accepted and a wrong one refused."""
    with exchange(
        element,
        Verb.PROVE_ACCOUNT,
        what,
        hide=(subject.password, subject.former_password, *secrets_of(element).values()),
    ) as talk:
        proof = adapter(element).prove(subject, ProofKind.ACCOUNT, talk)
        talk.ok, talk.cause = proof.ok, "" if proof.ok else proof.result.value
    return proof


def prove_removed(element: NetworkElement, subject: Subject, what: For) -> Proof:
    """Removal proven (撤下验证): the account's own password is refused."""
    with exchange(
        element, Verb.PROVE_REMOVED, what, hide=(subject.password, *secrets_of(element).values())
    ) as talk:
        proof = adapter(element).prove(subject, ProofKind.REMOVED, talk)
        talk.ok, talk.cause = proof.ok, "" if proof.ok else proof.result.value
    return proof


def prove_line(
    element: NetworkElement, subject: Subject, what: For, *, asked_again: bool = False
) -> Proof:
    """Line proven (开通验证): the customer's own terminal is seen, on the assigned line.

    `asked_again` stores the exchange only when the answer is another than the last time: a wait of
    minutes leaves one row, not hundreds.
    """
    with exchange(
        element, Verb.PROVE_LINE, what, hide=secrets_of(element).values(), once=asked_again
    ) as talk:
        proof = adapter(element).prove(subject, ProofKind.LINE, talk)
        talk.ok, talk.cause = proof.ok, "" if proof.ok else proof.result.value
    return proof


def see_line(service: ServiceView, order_id: UUID | None, key: str) -> Proof:
    """What the network shows of a service's line at this moment, for somebody who stands there.

    Asks the element it lives at once and keeps the exchange; proves nothing by itself. Raises
    ActivationError when the network cannot be asked, NoSuchResource without a port.
    """
    kind = kinds.of_service(service)
    element = queries.element_for(kind.key, service.branch_id)
    what = For(service.branch_id, service.id, order_id or service.order_id, key)
    return prove_line(element, kind.line_subject(service), what)


# ---- watching sessions -----------------------------------------------------------------------


def watch_sessions(
    limit: int = 500, *, deliver: Callable[[NetworkElement, Session], None] | None = None
) -> list[Session]:
    """New open sessions in the accounting of every AAA server in service, each told once.

    `deliver` is called for each inside the transaction that moves the cursor: what it writes (a
    published message) and the cursor stand or fall together. Two watchers at once never tell the
    same session: they take turns at the cursor, and the second finds the numbers known. A server
    that does not answer is left for the next round.
    """
    found: list[Session] = []
    for element in queries.elements_in_service(ElementKind.AAA):
        found += _watch(element, limit, deliver)
    return found


def _watch(
    element: NetworkElement,
    limit: int,
    deliver: Callable[[NetworkElement, Session], None] | None,
) -> list[Session]:
    cursor = SessionCursor.objects.filter(element=element).first()
    try:
        sessions, top = aaa(element).sessions_since(
            cursor.last_number - _WINDOW if cursor else None, limit + _WINDOW
        )
    except ActivationError:
        return []  # the proofs that need this server say so where somebody waits for them
    with transaction.atomic():
        SessionCursor.objects.get_or_create(
            element=element, defaults={"last_number": top, "read_at": now()}
        )
        cursor = SessionCursor.objects.select_for_update().get(element=element)
        floor = cursor.last_number - _WINDOW
        known = set(cursor.recent)
        fresh = [s for s in sessions if s.number > floor and s.number not in known][:limit]
        if not fresh:
            return []
        started = [s for s in fresh if s.stopped_at is None]
        for session in started:
            if deliver is not None:
                deliver(element, session)
        known |= {s.number for s in fresh}
        cursor.last_number = max(known | {cursor.last_number})
        cursor.recent = sorted(n for n in known if n > cursor.last_number - _WINDOW)
        cursor.read_at = now()
        cursor.save()
    return started
