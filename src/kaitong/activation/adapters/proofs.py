"""What the network must say of an account that was shut off or changed: proofs by login."""

from __future__ import annotations

import secrets as random
from typing import Any

from kaitong.activation.adapters import dynauth
from kaitong.activation.adapters.base import (
    Conversation,
    Proof,
    ProofKind,
    ProofResult,
    Subject,
)
from kaitong.activation.adapters.sessions import Session
from kaitong.activation.adapters.wire import Answer, RadiusClient
from kaitong.core.masking import mask_account


def named(session: Session) -> dict[str, str]:
    """A session as its access server knows it (RFC 5176 section 3)."""
    return {
        "User-Name": session.account,
        "Acct-Session-Id": session.session_id,
        "NAS-IP-Address": session.nas_address,
        "Framed-IP-Address": session.address,
    }


def prove_suspended(
    client: RadiusClient, subject: Subject, expected: str, talk: Conversation
) -> Proof:
    """A login with the right password is refused, with the text that only a barred one gets."""
    answer = _login(client, subject.account, subject.password, talk)
    message = _message(answer)
    facts: dict[str, Any] = {
        "account": mask_account(subject.account),
        "answer": answer.code,
        "message": message,
        "barred_for": subject.barred_for,
        "took_ms": round(answer.took_ms, 1),
    }
    if not answer.rejected:
        return Proof(ProofKind.SUSPENDED, ProofResult.STILL_OPEN, facts)
    if not expected or message != expected:
        facts["expected_message"] = expected
        return Proof(ProofKind.SUSPENDED, ProofResult.OTHER_REASON, facts)
    return Proof(ProofKind.SUSPENDED, ProofResult.PROVEN, facts)


def prove_password(client: RadiusClient, subject: Subject, talk: Conversation) -> Proof:
    """The new password is accepted; the one before, else a wrong one, is refused."""
    new = _login(client, subject.account, subject.password, talk)
    facts: dict[str, Any] = {
        "account": mask_account(subject.account),
        "answer": new.code,
        "took_ms": round(new.took_ms, 1),
    }
    if not new.accepted:
        facts["message"] = _message(new)
        return Proof(ProofKind.PASSWORD, ProofResult.REFUSED, facts)
    changed = subject.former_password and subject.former_password != subject.password
    other = subject.former_password if changed else f"wrong-{random.token_urlsafe(9)}"
    note = "the password before" if changed else "a wrong password on purpose"
    old = _login(client, subject.account, other, talk, note)
    facts |= {"old_password_answer": old.code, "old_password_known": bool(changed)}
    if not old.rejected:
        result = ProofResult.OLD_PASSWORD if changed else ProofResult.OPEN_DOOR
        return Proof(ProofKind.PASSWORD, result, facts)
    return Proof(ProofKind.PASSWORD, ProofResult.PROVEN, facts)


def prove_plan(client: RadiusClient, subject: Subject, talk: Conversation) -> Proof:
    """A login is accepted and given each of the plan's attributes with the plan's value."""
    answer = _login(client, subject.account, subject.password, talk)
    facts: dict[str, Any] = {
        "account": mask_account(subject.account),
        "answer": answer.code,
        "took_ms": round(answer.took_ms, 1),
    }
    if not answer.accepted:
        facts["message"] = _message(answer)
        return Proof(ProofKind.PLAN, ProofResult.REFUSED, facts)
    # what our dictionary does not name comes without a name, and is the access server's to know
    named_here = [a for a in subject.attributes if a.name in dynauth.dictionary().attributes]
    given = dict(answer.attributes)
    wrong = [a.name for a in named_here if given.get(a.name) != a.value]
    facts["given"] = {a.name: given.get(a.name, "") for a in named_here}
    if wrong:
        facts["differences"] = sorted(wrong)
        return Proof(ProofKind.PLAN, ProofResult.OTHER_PLAN, facts)
    return Proof(ProofKind.PLAN, ProofResult.PROVEN, facts)


def _login(
    client: RadiusClient, account: str, password: str, talk: Conversation, note: str = ""
) -> Answer:
    talk.sent(client.describe(account) + (f"\n  # {note}" if note else ""))
    answer = client.login(account, password)
    talk.got(str(answer))
    return answer


def _message(answer: Answer) -> str:
    return dict(answer.attributes).get("Reply-Message", "")
