"""Exchanges with the network, stored whatever becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from kaitong.activation.adapters.base import Conversation
from kaitong.activation.choices import Verb
from kaitong.activation.errors import ActivationError, ElementProblem, Unreachable
from kaitong.activation.models import Exchange, NetworkElement
from kaitong.core.clock import now


@dataclass(frozen=True, slots=True)
class For:
    """For whom the network is spoken to: the service, its order, the command's idempotency key."""

    branch_id: UUID
    service_id: UUID | None = None
    order_id: UUID | None = None
    key: str = ""


@contextmanager
def exchange(
    element: NetworkElement,
    verb: Verb,
    what: For,
    *,
    hide: Iterable[str] = (),
    once: bool = False,
) -> Iterator[Conversation]:
    """Talk to an element; afterwards the talk is stored, also when it ended in an error.

    Run outside of a business transaction: the record must stay when that one rolls back. `once`
    leaves out a talk whose answer is the same as the last one of this command.
    """
    talk = Conversation(hide)
    started = now()
    try:
        yield talk
    except Unreachable as error:
        talk.ok, talk.cause = False, "network"
        talk.got(f"! {error.what}")
        raise
    except ActivationError as error:
        talk.ok, talk.cause = False, "data" if isinstance(error, ElementProblem) else error.code
        talk.got(f"! {error.what}")
        raise
    except BaseException as error:
        talk.ok, talk.cause = False, "bug"
        talk.got(f"! {type(error).__name__}")
        raise
    finally:
        row = Exchange(
            branch_id=what.branch_id,
            element=element,
            order_id=what.order_id,
            service_id=what.service_id,
            key=what.key[:200],
            verb=verb,
            request=talk.request,
            response=talk.response,
            ok=talk.ok,
            cause=talk.cause,
            runs_until=talk.until,
            started_at=started,
            took_ms=talk.took_ms,
        )
        if not (once and _told_before(row)):
            with transaction.atomic():
                row.save(force_insert=True)


def _told_before(row: Exchange) -> bool:
    last = (
        Exchange.objects.filter(service_id=row.service_id, key=row.key, verb=row.verb)
        .order_by("-id")
        .values_list("ok", "cause", "response")
        .first()
    )
    return last == (row.ok, row.cause, row.response)
