"""The same case through the database: the verbs people use, the worker's passes, real rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from kaitong.core.clock import now
from kaitong.core.ids import uuid7
from kaitong.org.actor import Actor
from kaitong.process import services, work, worker
from kaitong.process.choices import GOING_WORK
from kaitong.process.models import (
    History,
    Incident,
    Instance,
    Subscription,
    Timer,
    WorkItem,
)
from kaitong.process.tests.oracle.drawn import Drawn
from kaitong.process.tests.oracle.plans import Case


class Shell:
    """Needs the action `work` installed, a clerk, and a branch."""

    def __init__(self, case: Case, clerk: Actor, branch_id: UUID):
        self.drawn = Drawn("p", spiff=False).whole(case.plan)
        self.clerk = clerk
        self.senders = count(1)
        deployed: dict[str, UUID] = {}
        for key, drawing in reversed(self.drawn.files.items()):  # who is called comes first
            data, file = drawing.text().encode(), f"{key}.bpmn"
            deployed[key] = services.deploy(
                playbook="oracle", key=key, data=data, file=file, calls=dict(deployed)
            ).pk
        self.business_id = uuid7()
        self.run = str(self.business_id)
        self.root = services.start(
            actor=clerk,
            definition_id=deployed["p"],
            business_id=self.business_id,
            branch_id=branch_id,
            variables={**case.variables, "run": self.run},
            parameters={},
        )
        worker.drain_all()

    @property
    def family(self) -> list[UUID]:
        found = Instance.objects.filter(business_id=self.business_id)
        return list(found.order_by("id").values_list("id", flat=True))

    @property
    def trace(self) -> list[str]:
        lines = History.objects.filter(instance_id__in=self.family, kind="left").order_by(
            "id", "seq"
        )
        return list(lines.values_list("node", flat=True))

    def offers(self) -> list[tuple[str, str]]:
        rows = (
            ("do", WorkItem.objects.filter(state__in=GOING_WORK)),
            ("fire", Timer.objects.filter(state="open")),
            ("tell", Subscription.objects.filter(state="open", kind="message")),
            ("incident", Incident.objects.filter(state="open")),
        )
        return sorted(
            (what, node)
            for what, found in rows
            for node in found.filter(instance_id__in=self.family).values_list("node", flat=True)
        )

    def play(self, offer: tuple[str, str], answer: Mapping[str, Any]) -> None:
        what, node = offer
        if what == "do":
            item = WorkItem.objects.filter(
                instance_id__in=self.family, node=node, state__in=GOING_WORK
            ).earliest("id")
            work.complete(actor=self.clerk, item_id=item.pk, values=answer)
        elif what == "fire":
            timer = Timer.objects.filter(
                instance_id__in=self.family, node=node, state="open"
            ).earliest("id")
            Timer.objects.filter(pk=timer.pk).update(next_attempt_at=now() - timedelta(hours=1))
        else:
            sender = f"{self.run}-{next(self.senders)}"
            services.publish(name=f"m-{node}", key=self.run, sender_id=sender, values=answer)
        worker.drain_all()

    @property
    def ended(self) -> bool:
        return Instance.objects.get(pk=self.root).state != "running"

    @property
    def variables(self) -> dict[str, Any]:
        found: dict[str, Any] = Instance.objects.get(pk=self.root).variables
        return found
