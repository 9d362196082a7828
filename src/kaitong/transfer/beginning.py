"""The first organisation of a real operator: everything a first sign-in needs, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.inventory import services as inventory
from kaitong.org import services as org
from kaitong.org.actor import Actor
from kaitong.org.models import Branch, Department
from kaitong.playbooks import queries as deployed
from kaitong.playbooks import services as playbooks
from kaitong.worktime import services as worktime
from kaitong.worktime.errors import CalendarError

SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class BranchRow:
    code: str
    name: str
    kind: str


@dataclass(slots=True)
class Begun:
    """What stands now. The password is told once, here."""

    branch: str
    playbooks: list[str] = field(default_factory=list)
    departments: list[str] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    supervisor: str = ""
    password: str = ""
    calendar_missing: list[int] = field(default_factory=list)


def begin(
    *,
    branch: BranchRow,
    above: Sequence[BranchRow] = (),
    supervisor: str,
    supervisor_name: str,
    playbook_names: Sequence[str],
) -> Begun:
    """Calendar, playbooks with their posts, branches from the top down, departments, and the first
    supervisor, who may also enter /admin/. What stands already stays as it is."""
    begun = Begun(branch.code)
    for year in (now().year, now().year + 1):
        try:
            worktime.seed_calendar(key="cn", years=[year])
        except CalendarError:
            begun.calendar_missing.append(year)
    top = (*above, branch)[0]  # processes that begin by themselves begin somewhere
    org.ensure_branch(code=top.code, name=top.name, kind=top.kind, parent=None)
    for name in playbook_names:
        row = playbooks.deploy(actor=Actor.system(), folder=playbooks.find(name))
        begun.playbooks.append(row.playbook)
    with transaction.atomic():
        parent: Branch | None = None
        for place in (*above, branch):
            parent = org.ensure_branch(
                code=place.code, name=place.name, kind=place.kind, parent=parent
            )
        assert parent is not None
        inventory.ensure_kinds(actor=Actor.system(branch_id=parent.pk))
        departments = _departments(parent)
        begun.departments = list(departments)
        begun.posts = sorted(_posts())
        org.ensure_post(key=SUPERVISOR, name="班长", name_en="Supervisor")
        row, begun.password = org.hire(
            username=supervisor,
            name=supervisor_name,
            branch=parent,
            posts=[SUPERVISOR],
            department=departments.get(str(_posts().get(SUPERVISOR, {}).get("department", ""))),
            admin=True,
        )
        begun.supervisor = row.username
        if begun.password:
            audit.record(
                "organisation-begun",
                actor_id=None,
                subject_type="org.branch",
                subject_id=parent.pk,
                branch_id=parent.pk,
                data={"supervisor": row.username, "playbooks": begun.playbooks},
            )
    return begun


def _posts() -> dict[str, dict[str, Any]]:
    """The posts that current playbooks name."""
    found: dict[str, dict[str, Any]] = {}
    for row in deployed.deployments():
        if row.retired_at is None:
            found |= row.content["posts"]
    return found


def _departments(branch: Branch) -> dict[str, Department]:
    names = {str(post.get("department") or "") for post in _posts().values()} - {""}
    return {
        name: org.ensure_department(branch=branch, key=name, name=name) for name in sorted(names)
    }
