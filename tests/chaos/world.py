"""The operator the chaos happens to: a county, its people, plant, playbook, and the processes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.db import connection

from kaitong.activation import services as activation
from kaitong.core.clock import now
from kaitong.core.home import library
from kaitong.inventory import services as inventory
from kaitong.inventory.services import TerminalRow
from kaitong.inventory.tests.conftest import build
from kaitong.org import services as org
from kaitong.org.actor import Actor
from kaitong.org.queries import actor_of
from kaitong.playbooks import services as playbooks
from kaitong.process import partitions
from kaitong.process import services as process
from kaitong.process.models import Definition
from kaitong.process.tests.shell_kit import drawing
from kaitong.tmf.services import issue_token
from kaitong.worktime import services as worktime
from tests.chaos.acting import LEDGER

SYSTEM = Actor.system()
PLAYBOOK = "chaos"
POSTS = ("clerk", "resource", "network", "monitor", "installer", "service", "supervisor")
PASSWORD = "chaos-2026-kaitong"
PROCESSES = Path(__file__).parent / "processes"


def seed(folder: Path, lines: int) -> None:
    """Fill the new database; `lines` is how many homes can get a port."""
    province = org.ensure_branch(code="AH", name="安徽省公司", kind="province")
    city = org.ensure_branch(code="HS", name="黄山市分公司", kind="city", parent=province)
    branch = org.ensure_branch(code="XN", name="休宁分公司", kind="county", parent=city)
    for post in POSTS:
        org.ensure_post(key=post, name=post)
    for post in POSTS:
        for number in (1, 2):
            org.ensure_staff(
                username=f"{post}{number}",
                name=f"{post}{number}",
                branch=branch,
                password=PASSWORD,
                posts=(post,),
            )
    worktime.seed_calendar(key="cn", years=range(now().year - 1, now().year + 1))
    playbooks.deploy(actor=SYSTEM, folder=library() / "home-broadband")
    plant = build(branch, ports=lines, rooms=lines)
    inventory.add_terminals(
        actor=plant.actor,
        branch_id=branch.id,
        rows=[TerminalRow(f"ZTEGC{n:07d}", "F650") for n in range(lines * 2)],
    )
    activation.register_element(
        key="aaa",
        kind="aaa",
        title="认证系统",
        branch_id=province.id,
        connection={},
        secret={},
    )
    deploy()
    partitions.ensure()
    with connection.cursor() as cursor:
        cursor.execute(LEDGER)
    tokens = {name: issue_token(actor=SYSTEM, staff_username=name) for name in ("clerk1", "clerk2")}
    (folder / "tokens.json").write_text(json.dumps(tokens))


def deploy() -> None:
    """Every file of `processes/`, in the order of their names: who is called stands first.

    A `.later` is the next version of the drawing of its name: what runs is carried over to it.
    """
    calls: dict[str, UUID] = {}
    tables = {path.name: path.read_bytes() for path in sorted(PROCESSES.glob("*.dmn"))}
    for path in sorted(PROCESSES.iterdir()):
        if path.suffix == ".bpmn":
            data = path.read_bytes()
        elif path.suffix in (".drawing", ".later"):
            text = "\n".join(
                line for line in path.read_text().splitlines() if not line.startswith("#")
            )
            data = drawing(text, path.stem)
        else:
            continue
        made = process.deploy(
            playbook=PLAYBOOK,
            key=path.stem,
            data=data,
            file=path.name,
            decisions={f"{name}": table for name, table in tables.items()},
            calls=dict(calls),
        )
        calls[path.stem] = made.pk


@dataclass
class Crew:
    """Everybody, by post: two each."""

    people: dict[str, list[Actor]]
    branch_id: UUID

    @classmethod
    def gathered(cls) -> Crew:
        people = {post: [actor_of(f"{post}{n}") for n in (1, 2)] for post in POSTS}
        branch_id = people["clerk"][0].branch_id
        assert branch_id is not None
        return cls(people, branch_id)


def definitions() -> dict[str, UUID]:
    """The chaos processes by key, as they were first; one whose name begins with 1- is only called
    by others."""
    rows = Definition.objects.filter(playbook=PLAYBOOK).order_by("key", "-deployed_at")
    return {row.key: row.pk for row in rows}


def later() -> dict[UUID, UUID]:
    """The next version of each definition that has one."""
    first = definitions()
    rows = Definition.objects.filter(playbook=PLAYBOOK).order_by("deployed_at")
    return {first[row.key]: row.pk for row in rows if row.pk != first[row.key]}
