"""What people and machines do to one order of the demo's story: the verbs everybody uses."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from kaitong.activation import nasport
from kaitong.activation import queries as activation
from kaitong.activation import services as activation_verbs
from kaitong.charging import arrears as money
from kaitong.charging import queries as charging
from kaitong.charging.models import Payment
from kaitong.core.clock import frozen, now
from kaitong.demo import invented, people
from kaitong.demo.past import Past
from kaitong.demo.platforms import Platforms
from kaitong.documents import pictures
from kaitong.fieldwork.errors import CheckFailed
from kaitong.inventory import queries as inventory
from kaitong.lab.session import AccessServer, other_port
from kaitong.messaging import sending
from kaitong.ordering import authenticating, life_plans, rents, sessions, till
from kaitong.ordering import services as ordering
from kaitong.ordering.models import Order
from kaitong.ordering.requests import AddressRef, PaymentData
from kaitong.org.actor import Actor
from kaitong.org.queries import actor_of
from kaitong.playbooks import changing, onsite, photos
from kaitong.playbooks import queries as playbooks
from kaitong.playbooks import services as playbook_verbs
from kaitong.process import commands, worker
from kaitong.process import queries as process
from kaitong.process import services as process_verbs

SYSTEM = Actor.system()
AAA = "radius"
_TEND = timedelta(minutes=10)
_NOBODY_LISTENS = 9  # the discard port: no AAA server there


@dataclass(slots=True)
class Stage:
    """Where the story plays: its time, its people, the customers' modems (None: no network)."""

    past: Past
    modems: AccessServer | None
    platforms: Platforms | None = None  # of telephones and television
    hands: dict[str, list[Actor]] = field(default_factory=dict)
    tended: datetime | None = None
    boss: Actor = field(init=False)

    def __post_init__(self) -> None:
        for account in people.ACCOUNTS:
            actor = actor_of(account.username)
            for post in account.posts:
                self.hands.setdefault(f"{account.branch}.{post}", []).append(actor)
        self.boss = self.hands[f"{people.COUNTY}.supervisor"][0]

    def machines(self, *after: float) -> None:
        """What machines do at so many seconds from this moment: commands, messages, notices.

        Timers are looked at every few minutes only: nobody acts on one sooner.
        """
        moment = now()
        for seconds in after or (2.0,):
            with frozen(moment + timedelta(seconds=seconds)):
                while commands.drain():
                    pass
                if self.tended is None or not self.tended <= moment < self.tended + _TEND:
                    self.tended = moment
                    while worker.drain_inbound() + commands.drain():
                        pass
                sending.drain_all()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Within the block nobody answers at the AAA server's address."""
        if self.modems is None:
            yield
            return
        settings = self.modems.lab.settings()
        right = settings.connection()
        wrong = {
            "auth_port": _NOBODY_LISTENS,
            "acct_port": _NOBODY_LISTENS,
            "database": {**right["database"], "port": _NOBODY_LISTENS},
        }
        secrets = settings.secrets()
        activation_verbs.element_moved(key=AAA, connection=wrong, secrets=secrets)
        try:
            yield
        finally:
            activation_verbs.element_moved(key=AAA, connection=right, secrets=secrets)


@dataclass(slots=True)
class Case:
    """One order of the story. Acts that were done in an earlier telling are passed over."""

    stage: Stage
    serial: int
    address_id: UUID | None  # None: any free covered one
    branch: str = people.COUNTY
    order: Order | None = None
    dialled: bool = False
    changed: bool = False
    firm: bool = False
    offering: str = ""  # else one of the usual plans
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.serial)  # noqa: S311 (a demo's dice)

    def some(self, least: int, most: int) -> int:
        return self.chance.randint(least, most)

    def hand(self, post: str) -> Actor:
        return self.chance.choice(self.stage.hands[f"{self.branch}.{post}"])

    # ---- taking in --------------------------------------------------------------------------

    def submit(self, *, read: bool = True, firm: bool = False, **more: Any) -> None:
        self.firm = firm
        method = ("cash", "card", "card", "bill", "cash", "")[self.serial % 6]
        request = invented.request(
            self.serial,
            read=read,
            address=AddressRef(address_id=self.address_id, any_covered=not self.address_id),
            whose=invented.organization(self.serial) if firm else None,
            offering=self.offering,
            payment=PaymentData(method=method) if method else None,
            idempotency_key=f"demo-{self.serial}",
            **more,
        )
        clerks = self.stage.hands[f"{self.branch}.clerk"]
        # Always the same clerk: a key is a requester's own.
        self.order = ordering.submit(actor=clerks[self.serial % len(clerks)], request=request)

    # ---- work -------------------------------------------------------------------------------

    def item(self, node: str) -> process.WorkRow | None:
        """The open work item of this step, if there is one."""
        assert self.order is not None
        rows = process.open_items_of(SYSTEM, [self.order.id]).get(self.order.id, [])
        return next((row for row in rows if row.node == node), None)

    def who(self, item: process.WorkRow) -> Actor:
        """Who has it, else who is proposed for it, else anybody of the post."""
        post = self.stage.hands[f"{self.branch}.{item.post}"]
        wanted = item.claimed_by or item.candidate
        return (
            next((actor for actor in post if actor.id == wanted), None)
            or post[self.serial % len(post)]
        )

    def claim(self, node: str) -> None:
        item = self.item(node)
        if item is not None and item.claimed_by is None:
            process_verbs.claim(actor=self.who(item), item_id=item.id)

    def complete(
        self, node: str, *, by: Actor | None = None, override: bool = False, **answers: Any
    ) -> None:
        """Complete a step by its form's example, with these answers instead.

        What the live check refuses stays open, with what was seen.
        """
        item = self.item(node)
        if item is None:
            return
        actor = by or self.who(item)
        detail = process.work_item(SYSTEM, item.id)
        pinned = detail.parameters["playbook"]
        data = playbooks.example_for(
            playbook=pinned["key"],
            version=pinned["hash"],
            file=detail.definition.form,
            branch_id=detail.branch_id,
            photo=photos.camera(actor=actor, item_id=item.id),
            override=override,
            variables=detail.variables,
        )
        data |= {name: value for name, value in answers.items() if value is not None}
        with suppress(CheckFailed):
            playbook_verbs.complete_work(actor=actor, item_id=item.id, data=data)

    def suspend(self, node: str, reason: str, note: str, until: datetime) -> None:
        item = self.item(node)
        if item is not None and item.suspended_until is None:
            process_verbs.suspend(
                actor=self.who(item), item_id=item.id, reason_code=reason, note=note, until=until
            )

    def resume(self, node: str) -> None:
        item = self.item(node)
        if item is not None and item.suspended_until is not None:
            process_verbs.resume(actor=self.who(item), item_id=item.id)

    def urge(self, node: str, note: str) -> None:
        item = self.item(node)
        if item is not None and not item.urged:
            process_verbs.urge(actor=self.stage.boss, item_id=item.id, note=note)

    def tell(self, node: str, text: str) -> None:
        """阶段反馈."""
        item = self.item(node)
        if item is not None:
            process_verbs.feedback(actor=self.who(item), item_id=item.id, text=text)

    def agree(self, node: str, at: datetime, reason: str) -> None:
        item = self.item(node)
        if item is not None:
            process_verbs.agree(actor=self.who(item), item_id=item.id, at=at, reason=reason)

    def send_back(self, node: str, to: str, reason: str) -> None:
        item = self.item(node)
        if item is not None:
            process_verbs.return_to(actor=self.who(item), item_id=item.id, node=to, reason=reason)

    def dispatch(self, node: str, username: str) -> None:
        item, to = self.item(node), actor_of(username)
        if item is not None and item.assigned_by is None and to.id is not None:
            process_verbs.dispatch(actor=self.stage.boss, item_id=item.id, to=to.id)

    def withdraw(self, reason: str) -> None:
        """撤单: the customer takes the order back."""
        assert self.order is not None
        ordering.withdraw(
            actor=self.hand("clerk"),
            order_id=self.order.id,
            reason=reason,
            key=f"demo-{self.serial}",
        )

    def settle(self, before: str = "") -> None:
        """What is still owed is paid at the counter, before this change is asked for."""
        assert self.order is not None
        if before and self._asked(before) is not None:  # since then other things fell due
            return
        clerks = self.stage.hands[f"{self.branch}.clerk"]
        if charging.owed_on_orders(SYSTEM, [self.order.id]):
            ordering.pay(
                actor=clerks[self.serial % len(clerks)],
                order_id=self.order.id,
                method="cash",
                key=f"demo-{self.serial}-owed",
            )
        service = inventory.services_of_order(self.order.id)[0]
        if before == "cancel":  # its last days are paid first
            rents.bill_now(actor=SYSTEM, service_id=service.id)
        owed = money.arrears(service_id=service.id).owed_fen  # what was put on the bill
        if owed and service.customer_id is not None:
            till.receive(
                actor=clerks[self.serial % len(clerks)],
                customer_id=service.customer_id,
                method="cash",
                amount_fen=owed,
                key=f"demo-{self.serial}-bill",
            )

    def billed(self, month: date) -> None:
        """出账 of a month: whoever is first writes everybody's bills."""
        rents.bill(actor=SYSTEM, month=month)

    def pays(self, month: date) -> None:
        """What the customer owes is paid at the counter, or by his card."""
        assert self.order is not None
        (service,) = inventory.services_of_order(self.order.id)
        owed = money.arrears(service_id=service.id).owed_fen
        key = f"demo-{self.serial}-bill-{month:%Y-%m}"
        if Payment.objects.filter(key=key).exists():  # in an earlier telling, when less was owed
            return
        if owed and service.customer_id is not None:
            clerks = self.stage.hands[f"{self.branch}.clerk"]
            till.receive(
                actor=clerks[self.serial % len(clerks)],
                customer_id=service.customer_id,
                method=self.chance.choice(("cash", "cash", "card")),
                amount_fen=owed,
                key=key,
            )

    def document(self) -> str:
        """What the customer shows: a firm its licence, a person his card."""
        of = invented.credit_number if self.firm else invented.resident_number
        return of(self.serial)

    def change(self, what: str, reason: str = "", **answers: Any) -> None:
        """变更: the customer comes to the counter again, shows his document, and asks for this.

        Without a network nothing can be brought to its end there, so nothing is asked for.
        """
        assert self.order is not None
        if self.stage.modems is None:
            return
        service = inventory.services_of_order(self.order.id)[0]
        if self._asked(what) is not None:
            return
        clerks = self.stage.hands[f"{self.branch}.clerk"]
        clerk, key = clerks[self.serial % len(clerks)], self._key(what)
        procedure = life_plans.procedure_of(service, what)
        ordering.authenticate(
            actor=clerk,
            service_id=service.id,
            kind="account-document",
            given={
                "account": service.account,
                "document_number": self.document(),
            },
            limits=authenticating.limits_of(procedure.parameters),
            procedure=what,
            key=key,
        )
        if self.firm:
            answers |= self._handler(clerk, service.id, what, UUID(key))
        changing.request_change(
            actor=clerk,
            service_id=service.id,
            procedure=what,
            key=key,
            reason=reason,
            data=answers,
        )
        self.stage.machines(1, 2, 4, 8, 16)

    def _key(self, what: str) -> str:
        """A firm's change has a page's key, since its letter is photographed for it."""
        plain = self._plain(what)
        return str(uuid5(NAMESPACE_OID, plain)) if self.firm else plain

    def _plain(self, what: str) -> str:
        return f"demo-{self.serial}-{what}"

    def _handler(self, clerk: Actor, service_id: UUID, what: str, key: UUID) -> dict[str, Any]:
        """经办人: who comes for a firm, with his document and its letter (VER-04)."""
        person = invented.organization(self.serial).agent
        assert person is not None
        letter = changing.store_photo(
            actor=clerk,
            service_id=service_id,
            procedure=what,
            key=key,
            field="letter",
            data=pictures.tiny(self.serial),
        )
        return {
            "handler_name": person.name,
            "handler_phone": person.phone,
            "handler_kind": person.document.kind,
            "handler_number": person.document.number,
            "handler_valid_until": str(person.document.valid_until),
            "handler_reader": True,
            "letter": str(letter.pk),
        }

    def follow(self, what: str) -> None:
        """The story goes on with the order of this change."""
        self.order = self._asked(what)

    def _asked(self, what: str) -> Order | None:
        """The order of a change that was asked for, in this telling or an earlier one."""
        clerks = self.stage.hands[f"{self.branch}.clerk"]
        clerk, keys = clerks[self.serial % len(clerks)], {self._key(what), self._plain(what)}
        return Order.objects.filter(requester_id=clerk.id, idempotency_key__in=keys).first()

    def retry(self) -> None:
        """The network post runs what failed again."""
        assert self.order is not None
        page = process.incidents(SYSTEM, business_id=self.order.id)
        for row in page.rows:
            process_verbs.retry_incident(actor=self.hand("network"), incident_id=row.id)

    def change_port(self, reason: str) -> None:
        """换端口 by the installer on the spot; the line's data are sent again."""
        item = self.item("Install")
        if item is not None and not self.changed:
            self.changed = True
            onsite.change_port(actor=self.who(item), item_id=item.id, reason=reason)

    # ---- the network ------------------------------------------------------------------------

    def dial(self, *, wrong: bool = False) -> None:
        """The customer's modem is on, since this moment, on its line or on the one beside."""
        modems = self.stage.modems
        assert self.order is not None
        service = next(iter(inventory.services_of_order(self.order.id)), None)
        if modems is None or service is None or not service.account:
            return
        line = activation.line_of_account(service.account)
        if line is None:
            return
        if self.dialled:
            modems.stop(service.account)
        self.dialled = True
        spelling = nasport.pattern(modems.settings.nas_port_pattern)
        port = spelling.format(other_port(line) if wrong else line)
        modems.start(service.account, port, since=now())
        if self.stage.platforms is not None and not wrong:
            for part in inventory.parts_of([service.id]).get(service.id, []):
                self.stage.platforms.plug(part)

    def seen(self) -> None:
        """The watch over sessions sees it and tells the process."""
        sessions.watch()
        self.stage.tended = None
