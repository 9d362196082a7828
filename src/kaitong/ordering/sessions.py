"""A customer's session came up: tell the process that waits for it."""

from __future__ import annotations

from kaitong.activation import queries as activation
from kaitong.activation import services as activation_verbs
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import ServiceState
from kaitong.org.actor import Actor
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
