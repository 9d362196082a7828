"""Evidence taken at the counter (VER-05): photos of a draft become the documents', faces are kept.

A draft's photos are uploads of the draft, each for a slot: the kind of the picture, with `agent_`
before it for the agent's document, or `letter` for an organisation's letter of introduction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.documents.choices import AttachmentKind
from kaitong.documents.models import Attachment
from kaitong.ordering.models import Order
from kaitong.ordering.requests import CustomerData, SubmitOrder
from kaitong.org.actor import Actor
from kaitong.party import kinds
from kaitong.party import queries as parties
from kaitong.party import services as party_verbs
from kaitong.party.models import IdentityDocument

AGENT, LETTER = "agent_", "letter"
KINDS = {
    AttachmentKind.IDENTITY_FRONT,
    AttachmentKind.IDENTITY_BACK,
    AttachmentKind.LICENCE,
    AttachmentKind.LETTER,
}
# One picture that shows the whole document, from before sides were told apart.
WHOLE = AttachmentKind.IDENTITY


def document_rules(parameters: Mapping[str, Any]) -> tuple[kinds.KindRule, ...]:
    """A playbook's dated table of identity documents, or the house's (VER-01, VER-04)."""
    table = parameters.get("document_kinds")
    return kinds.kinds_from(table) if table else kinds.DEFAULT_KINDS


def slots(kind: str, rules: Sequence[kinds.KindRule], prefix: str = "") -> tuple[str, ...]:
    """The photos that a kind of document needs, as slots of a draft."""
    rule = kinds.find(kind, rules)
    return tuple(prefix + one for one in rule.photos) if rule is not None else ()


def kind_of(slot: str) -> str:
    """What a slot shows; "" for a slot that there is not."""
    kind = slot.removeprefix(AGENT)
    return kind if kind in KINDS else ""


def missing(document: IdentityDocument, rules: Sequence[kinds.KindRule]) -> list[str]:
    """The pictures that a kept document still lacks."""
    shown = documents.kinds_of(document.evidence)
    return [] if WHOLE in shown else [k for k in slots(document.kind, rules) if k not in shown]


def take(*, actor: Actor, order: Order, request: SubmitOrder) -> None:
    """Make a draft's photos and face comparisons part of the record, within `submit`.

    Only the pictures that the documents shown need are taken; what is left over is forgotten.
    """
    customer = request.customer
    if customer is None or request.draft_id is None:
        return
    uploads = documents.uploads(actor, request.draft_id)
    rules = document_rules(order.parameters)
    _keep(actor, order.party_id, customer, uploads, rules, request.draft_id)
    if customer.agent is not None:
        _keep(actor, order.agent_id, customer.agent, uploads, rules, request.draft_id, AGENT)
    if LETTER in uploads and order.introduction_letter:
        _use(actor, uploads[LETTER], request.draft_id, "order", order.id)
    document_verbs.discard_uploads(owner_ids=[request.draft_id])


def count(document: IdentityDocument, rules: Sequence[kinds.KindRule]) -> int:
    """How many kept pictures count as evidence (VER-05): none while a needed one is missing."""
    return len(document.evidence) if document.evidence and not missing(document, rules) else 0


# ---- inside --------------------------------------------------------------------------------------


def _keep(
    actor: Actor,
    party_id: UUID | None,
    person: CustomerData,
    uploads: Mapping[str, Attachment],
    rules: Sequence[kinds.KindRule],
    draft_id: UUID,
    prefix: str = "",
) -> None:
    if party_id is None:
        return
    newest = next(iter(parties.documents(actor, party_id)), None)
    if newest is None:
        return
    taken = [uploads[s] for s in slots(newest.kind, rules, prefix) if s in uploads]
    ids = [_use(actor, one, draft_id, "party", party_id) for one in taken]
    if ids:
        party_verbs.record_verification(actor=actor, document_id=newest.pk, evidence=ids)
    if person.face is not None:
        party_verbs.record_face(
            actor=actor,
            document_id=newest.pk,
            result=person.face.result,
            source=person.face.source,
            score=person.face.score,
            reason=person.face.reason,
        )


def _use(actor: Actor, upload: Attachment, draft_id: UUID, owner_type: str, owner: UUID) -> UUID:
    return document_verbs.use_photo(
        actor=actor,
        attachment_id=upload.pk,
        kind=upload.kind,
        from_id=draft_id,
        owner_type=owner_type,
        owner_id=owner,
    ).pk
