"""Looking for customers' terminals at elements that keep no accounting to follow.

An AAA server tells every session as a row of accounting, which `services.watch_sessions` follows. A
set-top box's lease or a telephone's registration is only there or not: so it is looked for, for
services somebody waits for and no others. Nothing is stored; the proof that follows is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

from kaitong.activation import kinds, queries, services
from kaitong.activation.adapters.base import Conversation, Proof, ProofKind
from kaitong.activation.errors import ActivationError, Unreachable
from kaitong.core.errors import KaitongError
from kaitong.inventory.results import ServiceView


def seen_now(wanted: Iterable[ServiceView]) -> Iterator[tuple[ServiceView, str]]:
    """Those whose terminal is seen on its line at this moment, and a mark of this very sighting:
    the same while the same terminal stays. An element that is away is left for the next round."""
    away: set[object] = set()
    for service in wanted:
        try:
            kind = kinds.of_service(service)
            if kind.has_sessions:
                continue
            element = queries.element_for(kind.key, service.branch_id)
            if element.pk in away:
                continue
            subject, speaker = kind.line_subject(service), services.adapter(element)
        except KaitongError:
            continue  # the proof that waits says so where somebody reads it
        try:
            proof = speaker.prove(subject, ProofKind.LINE, Conversation())
        except Unreachable:
            away.add(element.pk)
            continue
        except ActivationError:
            continue
        if proof.ok:
            yield service, _mark(proof)


def _mark(proof: Proof) -> str:
    """What was seen, less the moments: those change at every renewal."""
    seen = {k: v for k, v in proof.facts.get("seen", {}).items() if not k.endswith("_at")}
    text = json.dumps(seen, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
