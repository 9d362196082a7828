"""Kaitong as the lab's commands see it: asked what it registered, told where elements are.

Kaitong need not run for the lab to run, so a database that is not there is no fault.
"""

from __future__ import annotations

import os
from typing import Any

from kaitong.activation.nasport import Line
from kaitong.lab.errors import LabError


def reachable() -> bool:
    """Make Kaitong's database reachable from this command; False when there is none."""
    if not os.environ.get("KAITONG_DATABASE_URL"):
        return False
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kaitong.settings.base")
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()
    return True


def registered(account: str) -> Line | None:
    """The line Kaitong has for an account."""
    if not reachable():
        return None
    from django.db import DatabaseError

    from kaitong.activation.queries import line_of_account

    try:
        return line_of_account(account)
    except DatabaseError:
        raise LabError(
            "Kaitong's database does not answer.", "Start ./run demo, or give --port."
        ) from None


def password(number: str) -> str | None:
    """What the installer typed into the telephone: the one Kaitong has for a number."""
    if not reachable():
        return None
    from django.db import DatabaseError

    from kaitong.inventory import queries as inventory
    from kaitong.inventory import services as inventory_verbs
    from kaitong.org.actor import Actor

    try:
        service = inventory.service_by_account(Actor.system(), number)
        if service is None or not service.has_password:
            return None
        return inventory_verbs.reveal_password(
            actor=Actor.system(), service_id=service.id, reason="演练话机"
        )
    except DatabaseError:
        return None


def follow(key: str, connection: dict[str, Any], secrets: dict[str, str]) -> bool:
    """When ports changed since Kaitong registered the element, its row follows: True."""
    if not reachable():
        return False
    from django.db import DatabaseError

    from kaitong.activation.services import element_moved

    try:
        return element_moved(key=key, connection=connection, secrets=secrets)
    except DatabaseError:
        return False
