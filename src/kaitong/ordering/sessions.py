"""A customer's terminal came up: tell the process that waits for it."""

from __future__ import annotations

import contextlib
from uuid import UUID

from kaitong.activation import queries as activation
from kaitong.activation import services as activation_verbs
from kaitong.activation import watching
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import ServiceState
from kaitong.org.actor import Actor
from kaitong.process import awaiting
from kaitong.process import services as process

SESSION_SEEN = "session-seen"


def watch(limit: int = 500) -> int:
    """Look once at the accounting of every AAA server; how many processes were told.

    Only a session on the registered line of a service that is not active yet is news: it lets a
    step that waits for proof (开通验证异常) go on by itself.
    """
    told = 0

    def deliver(element: object, session: activation_verbs.Session) -> None:
        nonlocal told
        service = inventory.service_by_account(Actor.system(), session.account)
        if service is None or service.state != ServiceState.INACTIVE:
            return
        if session.line is None or session.line != activation.line_of_account(session.account):
            return
        told += process.publish(
            name=SESSION_SEEN,
            key=str(service.id),
            sender_id=f"radius:{session.unique_id}",
            values={},
            branch_id=service.branch_id,
        )

    activation_verbs.watch_sessions(limit, deliver=deliver)
    return told


def watch_terminals(limit: int = 500) -> int:
    """Look once for the terminals of services somebody waits for at elements without accounting (a
    set-top box, a telephone); how many processes were told. Each sighting is told once, however
    often a box renews."""
    told = 0
    wanted = inventory.services_by_ids(_ids(awaiting.keys_awaited(SESSION_SEEN, limit)))
    for service, mark in watching.seen_now(wanted):
        told += process.publish(
            name=SESSION_SEEN,
            key=str(service.id),
            sender_id=f"seen:{service.id}:{mark}",
            values={},
            branch_id=service.branch_id,
        )
    return told


def _ids(keys: list[str]) -> list[UUID]:
    found = []
    for key in keys:
        with contextlib.suppress(ValueError):  # a playbook may correlate by something else
            found.append(UUID(key))
    return found
