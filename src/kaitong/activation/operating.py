"""Verbs that speak to the network during a service's life: live sessions, many accounts at once.

Like the others they run outside of any transaction, may be called again, and leave an `Exchange`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from kaitong.activation.adapters.base import (
    AccountChange,
    Attribute,
    Outcome,
    Proof,
    ProofKind,
    Subject,
)
from kaitong.activation.adapters.dynauth import Answer
from kaitong.activation.adapters.sessions import Session
from kaitong.activation.choices import Verb
from kaitong.activation.models import NetworkElement
from kaitong.activation.records import For, exchange
from kaitong.activation.services import aaa, adapter, secrets_of

BATCH = 500  # accounts in one transaction
_VERBS = {
    ProofKind.SUSPENDED: Verb.PROVE_SUSPENDED,
    ProofKind.PASSWORD: Verb.PROVE_PASSWORD,
    ProofKind.PLAN: Verb.PROVE_PLAN,
}


def live_sessions(
    element: NetworkElement, account: str, what: For, *, asked_again: bool = False
) -> list[Session]:
    """The account's open sessions by the server's own accounting, newest first."""
    with exchange(
        element, Verb.SESSIONS, what, hide=secrets_of(element).values(), once=asked_again
    ) as talk:
        found = aaa(element).sessions(account, talk)
        talk.ok = True
    return found


def disconnect(element: NetworkElement, session: Session, what: For) -> Answer:
    """Ask the access server to end a session (Disconnect-Request). Raises Unreachable."""
    with exchange(element, Verb.DISCONNECT, what, hide=secrets_of(element).values()) as talk:
        answer = aaa(element).disconnect(session, talk)
        talk.ok, talk.cause = answer.done, "" if answer.done else answer.cause[:40]
    return answer


def change_live(
    element: NetworkElement, session: Session, attributes: Sequence[Attribute], what: For
) -> Answer:
    """Ask the access server to give a live session its plan (CoA-Request). Raises Unreachable."""
    with exchange(element, Verb.CHANGE_LIVE, what, hide=secrets_of(element).values()) as talk:
        answer = aaa(element).change_live(session, attributes, talk)
        talk.ok, talk.cause = answer.done, "" if answer.done else answer.cause[:40]
    return answer


def prove(element: NetworkElement, subject: Subject, kind: ProofKind, what: For) -> Proof:
    """Ask the network whether it treats an account as it shall: shut off, new password, plan."""
    hide = (subject.password, subject.former_password, *secrets_of(element).values())
    with exchange(element, _VERBS[kind], what, hide=hide) as talk:
        proof = adapter(element).prove(subject, kind, talk)
        talk.ok, talk.cause = proof.ok, "" if proof.ok else proof.result.value
    return proof


def bring_many(
    element: NetworkElement,
    names: Sequence[str],
    desired: Callable[[Sequence[str]], Sequence[AccountChange]],
    what: For,
) -> Outcome:
    """Bring many accounts to their desired states, some hundreds in one transaction of the server.

    `desired` is asked for each batch while its accounts are locked at the server.
    """
    whole, changed = list(dict.fromkeys(names)), 0
    for start in range(0, len(whole), BATCH):
        batch = whole[start : start + BATCH]
        with exchange(element, Verb.BATCH, what, hide=secrets_of(element).values()) as talk:
            outcome = adapter(element).bring_many(batch, partial(desired, batch), talk)
            talk.ok = True
        changed += outcome.statements
    return Outcome(changed)
