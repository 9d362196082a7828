"""A person at work by verbs: a process of its own, killed in the middle of anything.

Before it asks for something that must happen once it writes so into its journal, and what it was
answered afterwards; a next life goes through what was left without an answer. Everything else is
drawn at random: who acts, on what, which verb. A refusal or a conflict is an answer; an error of
the database is one only while the database is away.
"""

from __future__ import annotations

import random
import time
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import NAMESPACE_OID, UUID, uuid5

import psycopg
from django.db import InterfaceError, OperationalError, connection, transaction

from kaitong.core.clock import now
from kaitong.core.errors import KaitongError
from kaitong.ordering import queries as orders
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order
from kaitong.ordering.requests import (
    AddressRef,
    CustomerData,
    DocumentData,
    PaymentData,
    SubmitItem,
    SubmitOrder,
)
from kaitong.org import standing_in
from kaitong.org.actor import Actor
from kaitong.org.queries import actor_of
from kaitong.playbooks import photos
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks import services as playbook_verbs
from kaitong.process import migrating
from kaitong.process import queries as process
from kaitong.process import services as verbs
from kaitong.process.definitions import model_of
from kaitong.process.model import Model
from kaitong.process.models import Incident, Instance, Subscription, WorkItem
from kaitong.process.returning import return_targets
from tests.chaos.journal import Journal
from tests.chaos.world import PLAYBOOK, SYSTEM, Crew, definitions, later

AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
DEADLOCK = "40P01"
OPEN = ("todo", "claimed", "suspended")
REASONS = ("no-need", "moved", "too-slow")


class Person:
    """One process that acts as everybody of the county."""

    def __init__(self, name: str, folder: Path, seed: str, starts: int, lines: int) -> None:
        self.name, self.folder = name, folder
        self.rng = random.Random(seed)
        self.journal = Journal(folder / f"{name}.journal")
        self.crew = Crew.gathered()
        self.definitions = definitions()
        self.later = later()
        self.refused: Counter[str] = Counter()
        self.keys = [f"{name}-{n}" for n in range(starts)]
        self.lines = [f"{name}-line-{n}" for n in range(lines)]

    # ---- the day ----

    @property
    def calm(self) -> bool:
        """The chaos is over: only what brings things to their end is done."""
        return (self.folder / "be-kind").exists()

    def work(self) -> None:
        while not (self.folder / "go-home").exists():
            self.attempt(self.rng.choice(self.due()))

    def due(self) -> list[Callable[[], None]]:
        finish = [self.complete] * 10 + [self.incident] * 2 + [self.resume] * 2 + [self.publish] * 4
        if self.unstarted:
            finish += [self.start] * 6
        if self.unsubmitted:
            finish += [self.submit] * 3
        if self.calm:
            return finish
        trouble = [self.claim] * 3 + [self.suspend] * 2 + [self.release, self.send_back]
        trouble += [self.hand_on, self.small, self.again, self.cancel, self.withdraw]
        trouble += [self.stand_in, self.carry]
        return finish + trouble

    def attempt(self, act: Callable[[], None]) -> None:
        try:
            act()
        except KaitongError as error:  # refused, or somebody was faster
            self.refused[f"{act.__name__}: {error}"[:160]] += 1
            if sum(self.refused.values()) % 100 == 0:
                self.journal.write("refused", most=self.refused.most_common(20))
        except AWAY as error:
            state = getattr(getattr(error, "__cause__", None), "sqlstate", None)
            if state == DEADLOCK:
                self.fault(act.__name__, error)
            connection.close()
            time.sleep(0.2)
        except Exception as error:
            self.fault(act.__name__, error)
            connection.close()
            time.sleep(0.2)
        if self.calm:
            time.sleep(0.02)

    def fault(self, act: str, error: Exception) -> None:
        where = "".join(traceback.format_exception(error)[-12:])
        self.journal.write("fault", act=act, error=repr(error)[:500], where=where[-3000:])

    # ---- things that must happen once ----

    @property
    def unstarted(self) -> list[str]:
        done = {line["key"] for line in self.journal.of("started")}
        return [key for key in self.keys if key not in done]

    def start(self) -> None:
        """Start an order of the processes; asked again after a kill, it is the same one."""
        key = self.unstarted[0]
        if not any(line["key"] == key for line in self.journal.of("starting")):
            self.journal.write("starting", key=key)
        mine = sorted(name for name in self.definitions if not name.startswith("1-"))
        definition = mine[int(key.rpartition("-")[2]) % len(mine)]
        business = uuid5(NAMESPACE_OID, key)
        with transaction.atomic():
            with connection.cursor() as cursor:  # the transaction of a life before may yet commit
                cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", [key])
            found = Instance.objects.filter(business_id=business, parent=None).first()
            instance_id = found.pk if found else None
            if instance_id is None:
                instance_id = verbs.start(
                    actor=self.anyone("clerk"),
                    definition_id=self.definitions[definition],
                    business_id=business,
                    branch_id=self.crew.branch_id,
                    variables={"order": self.heard(key), "way": "a", "again": False},
                    parameters={},
                )
        self.journal.write("started", key=key, instance=str(instance_id), business=str(business))

    def heard(self, key: str) -> str:
        """Orders stand in twos: what listens is told by the one before it."""
        mine, _, number = key.rpartition("-")
        return f"{mine}-{int(number) // 2}"

    @property
    def unsubmitted(self) -> list[str]:
        done = {line["key"] for line in self.journal.of("submitted")}
        return [key for key in self.lines if key not in done]

    def submit(self) -> None:
        """A real order at the counter, with money. Half are sent a second time after the answer."""
        key = self.unsubmitted[0]
        self.journal.write("submitting", key=key)
        for _time in range(1 + int(key.rpartition("-")[2]) % 2):
            made = ordering.submit(actor=self.anyone("clerk", first=True), request=request(key))
            self.journal.write("submitted", key=key, order=str(made.pk))

    # ---- work ----

    def anyone(self, post: str, *, first: bool = False) -> Actor:
        people = self.crew.people.get(post) or self.crew.people["supervisor"]
        return people[0] if first else self.rng.choice(people)

    def item(self, *states: str) -> WorkItem:
        """One of the open items, at random."""
        found = WorkItem.objects.filter(state__in=states or OPEN)
        ids = list(found.order_by("id").values_list("id", flat=True)[:400])
        if not ids:
            time.sleep(0.05)
            raise KaitongError("There is no work.")
        return WorkItem.objects.get(pk=self.rng.choice(ids))

    def actor(self, item: WorkItem) -> Actor:
        """Who has it in hand, else somebody of its post; sometimes a supervisor, or anybody."""
        for person in self.crew.people.get(item.post, ()):
            if person.id == item.claimed_by:
                return person
        drawn = self.rng.random()
        # both, also at the end: four eyes may leave only one of them
        return self.anyone("supervisor" if drawn < (0.5 if self.calm else 0.2) else item.post)

    def complete(self) -> None:
        item = self.item("todo", "claimed")
        actor = self.actor(item)
        definition = Instance.objects.select_related("definition").get(pk=item.instance_id)
        if definition.definition.playbook == PLAYBOOK:
            answers = {
                "way": self.rng.choice("abc"),
                "again": not self.calm and self.one_in(4),
                "ready": True,
            }
            verbs.complete(actor=actor, item_id=item.pk, values=answers)
            return
        detail = process.work_item(SYSTEM, item.pk)
        pinned = detail.parameters["playbook"]
        data = playbooks.example_for(
            playbook=pinned["key"],
            version=pinned["hash"],
            file=detail.definition.form,
            branch_id=item.branch_id,
            photo=photos.camera(actor=actor, item_id=item.pk),
        )
        playbook_verbs.complete_work(actor=actor, item_id=item.pk, data=data)

    def one_in(self, number: int) -> bool:
        return self.rng.randrange(number) == 0

    def again(self) -> None:
        """The same completion twice: the second is told."""
        item = self.item("todo", "claimed")
        actor = self.actor(item)
        for _time in range(2):
            verbs.release(actor=actor, item_id=item.pk)

    def claim(self) -> None:
        item = self.item("todo")
        verbs.claim(actor=self.actor(item), item_id=item.pk)

    def release(self) -> None:
        item = self.item("claimed")
        verbs.release(actor=self.actor(item), item_id=item.pk)

    def suspend(self) -> None:
        item = self.item("todo", "claimed")
        verbs.suspend(
            actor=self.actor(item),
            item_id=item.pk,
            reason_code=self.rng.choice(("customer-absent", "no-port", "customer-other")),
            until=now() + timedelta(seconds=self.rng.choice((1, 3, 3600))),
        )

    def resume(self) -> None:
        item = self.item("suspended")
        verbs.resume(actor=self.actor(item), item_id=item.pk)

    def send_back(self) -> None:
        item = self.item("todo", "claimed")
        targets = sorted(return_targets(item.instance_id, self.model(item), item.node))
        if targets:
            node = self.rng.choice(targets)
            verbs.return_to(actor=self.actor(item), item_id=item.pk, node=node, reason="重做")

    def model(self, item: WorkItem) -> Model:
        return model_of(Instance.objects.get(pk=item.instance_id).definition_id)

    def hand_on(self) -> None:
        item = self.item("todo", "claimed")
        to = self.anyone(item.post)
        assert to.id is not None
        if self.one_in(2):
            verbs.dispatch(actor=self.anyone("supervisor"), item_id=item.pk, to=to.id)
        else:
            verbs.transfer(
                actor=self.anyone("supervisor"),
                item_id=item.pk,
                post=self.rng.choice(("network", item.post)),
            )

    def stand_in(self) -> None:
        """委托: somebody hands on what is theirs for some seconds, and the other does of it."""
        item = self.item("todo", "claimed")
        people = self.crew.people.get(item.post, ())
        principal = next((p for p in people if p.id == item.claimed_by), None)
        principal = principal or self.anyone(item.post)
        other = self.anyone(self.rng.choice(("clerk", "service", "installer")))
        if principal.id is None or other.id in (None, principal.id):
            return
        standing_in.delegate(
            actor=principal,
            to=other.id,
            since=now() - timedelta(seconds=1),
            until=now() + timedelta(seconds=3),
            reason="休假",
        )
        verbs.claim(actor=actor_of(other.username), item_id=item.pk)

    def carry(self) -> None:
        """流程迁移: what runs is carried over to the next version."""
        found = Instance.objects.filter(state="running", definition__in=self.later)
        rows = list(found.order_by("id").values_list("id", "definition_id")[:100])
        if rows:
            instance_id, was = self.rng.choice(rows)
            migrating.migrate(
                actor=self.anyone("supervisor"),
                instance_id=instance_id,
                to=self.later[was],
                reason="新版本",
            )

    def small(self) -> None:
        item = self.item()
        actor = self.actor(item)
        if self.one_in(2):
            verbs.urge(actor=actor, item_id=item.pk)
        else:
            verbs.feedback(actor=actor, item_id=item.pk, text="进展")

    # ---- the rest of the house ----

    def incident(self) -> None:
        ids = list(
            Incident.objects.filter(state="open").order_by("id").values_list("id", flat=True)[:100]
        )
        if not ids:
            return
        chosen = self.rng.choice(ids)
        boss, other = self.crew.people["supervisor"]
        if self.one_in(2 if self.calm else 4):
            verbs.done_by_hand(
                actor=boss,
                incident_id=chosen,
                second=other,
                evidence="照片",
                values={"by_hand": True},
            )
        else:
            verbs.retry_incident(actor=boss, incident_id=chosen)

    def publish(self) -> None:
        """Say what somebody waits for; a subscription is answered by one message."""
        found = Subscription.objects.filter(
            state="open", instance__definition__playbook=PLAYBOOK
        ).exclude(name="" if self.calm else "said")
        ids = list(found.order_by("id").values_list("id", "name", "key")[:100])
        if ids:
            number, name, key = self.rng.choice(ids)
            verbs.publish(name=name, key=key, sender_id=f"chaos:{number}", values={"told": True})

    def cancel(self) -> None:
        if self.one_in(5):
            found = Instance.objects.filter(
                state="running", parent=None, definition__playbook=PLAYBOOK
            )
            ids = list(found.order_by("id").values_list("id", flat=True)[:200])
            if ids:
                verbs.cancel(
                    actor=self.anyone("supervisor"), instance_id=self.rng.choice(ids), reason="撤单"
                )

    def withdraw(self) -> None:
        """Take a real order back; under a key, so that again is once."""
        if not self.one_in(3):
            return
        found = Order.objects.filter(state="inProgress").order_by("id")
        ids = list(found.values_list("id", flat=True)[:200])
        if ids:
            chosen = self.rng.choice(ids)
            if chosen.int % 4 == 0:
                self.take_back(chosen)

    def take_back(self, order_id: UUID) -> None:
        ordering.withdraw(
            actor=self.anyone("supervisor"),
            order_id=order_id,
            reason=self.rng.choice(REASONS),
            key=f"chaos-{order_id}",
            expected=orders.withdrawal_plan(SYSTEM, order_id).fingerprint,
        )


def request(key: str) -> SubmitOrder:
    """A household's order, the same for the same key."""
    return SubmitOrder(
        customer=CustomerData(
            name="王明远",
            phone="13905590123",
            document=DocumentData(
                kind="resident-id",
                number="341022197001151214",
                long_term=True,
                reader_used=True,
            ),
        ),
        items=(
            SubmitItem(
                item_id="1",
                action="add",
                specification="home-broadband.access",
                offering="home-300",
                address=AddressRef(any_covered=True),
            ),
        ),
        idempotency_key=key,
        payment=PaymentData(method="cash"),
    )
