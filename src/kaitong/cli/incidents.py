"""`./run kaitong incident ...`: the fallout desk's verbs; done by hand takes two people."""

from __future__ import annotations

import argparse
from pathlib import Path
from uuid import UUID

from django.db import transaction

from kaitong.cli.asking import SYSTEM, show
from kaitong.core.errors import Refused
from kaitong.documents import services as documents
from kaitong.documents.choices import AttachmentKind
from kaitong.org import queries as org
from kaitong.process import queries, services
from kaitong.process.choices import ProposalKind


def listed(asked: argparse.Namespace) -> None:
    rows = queries.incidents(SYSTEM, limit=500).rows
    facts = [
        {
            "id": str(row.id),
            "order": str(row.business_id) if row.business_id else None,
            "node": row.node,
            "title": row.title,
            "cause": row.cause,
            "message": row.message,
            "since": row.created_at.isoformat(),
            "tries": row.tries,
            "claimed_by": row.claimed_name,
        }
        for row in rows
    ]
    if asked.json:
        show(facts)
        return
    for fact in facts:
        print(f"{fact['id']}  {fact['title']}  {fact['cause']}  {fact['message']}")


def retry(asked: argparse.Namespace) -> None:
    done = services.retry_incident(actor=org.actor_of(asked.user), incident_id=_id(asked.id))
    print(done.state)


def claim(asked: argparse.Namespace) -> None:
    services.claim_incident(actor=org.actor_of(asked.user), incident_id=_id(asked.id))


def release(asked: argparse.Namespace) -> None:
    services.release_incident(actor=org.actor_of(asked.user), incident_id=_id(asked.id))


def note(asked: argparse.Namespace) -> None:
    services.add_note(actor=org.actor_of(asked.user), incident_id=_id(asked.id), text=asked.text)


def by_hand(asked: argparse.Namespace) -> None:
    """Asks for it, with evidence: the step goes on when somebody else agrees."""
    actor, incident_id = org.actor_of(asked.user), _id(asked.id)
    files = [(Path(name).name, _read(name)) for name in asked.file]
    with transaction.atomic():
        services.propose(
            actor=actor,
            incident_id=incident_id,
            kind=ProposalKind.BY_HAND,
            text=asked.evidence,
            values={},
        )
        branch = queries.incident(actor, incident_id).branch_id
        for name, data in files:
            documents.store(
                actor=actor,
                data=data,
                kind=AttachmentKind.EVIDENCE,
                owner_type="incident",
                owner_id=incident_id,
                branch_id=branch,
                title=name,
            )
    print("asked; somebody else agrees: ./run kaitong incident agree ID --as USER")


def agree(asked: argparse.Namespace) -> None:
    actor, incident_id = org.actor_of(asked.user), _id(asked.id)
    made = queries.proposal(actor, incident_id)
    if made is None:
        raise Refused("Nothing waits for a second person at this incident.")
    done = services.agree_proposal(
        actor=actor, incident_id=incident_id, proposer=org.actor_of_id(made.by)
    )
    print(done.state)


def decline(asked: argparse.Namespace) -> None:
    services.decline_proposal(
        actor=org.actor_of(asked.user), incident_id=_id(asked.id), remark=asked.reason
    )


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Refused(f"{name} cannot be read.", error.strerror or "", field="file") from None


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Refused(f"{text!r} is no identifier.", "See `incident list`.") from None
