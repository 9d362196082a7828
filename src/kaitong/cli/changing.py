"""`./run kaitong service changes|change`: what may be done with a line in use, and doing it."""

from __future__ import annotations

import argparse
import getpass
import json

from kaitong.core.errors import BadInput, InputFault, NotFound
from kaitong.core.ids import uuid7
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView
from kaitong.ordering import life_offers, life_plans
from kaitong.ordering import services as ordering
from kaitong.ordering.authenticating import ASKED, limits_of
from kaitong.ordering.errors import OrderRefused
from kaitong.ordering.life_choices import AuthenticationKind
from kaitong.org.actor import Actor
from kaitong.org.queries import actor_of
from kaitong.playbooks import changing

NUMBER_CODE = AuthenticationKind.NUMBER_CODE
_SAID = {
    "document_number": "document",
    "password": "old_password",
    "bound_number": "number",
    "code": "code",
}  # what a proof asks for -> the option that says it


def service_changes(asked: argparse.Namespace) -> None:
    """Every change the line's playbook knows, possible or why not."""
    actor = actor_of(asked.user)
    service = _service(actor, asked.account)
    told = [
        {
            "change": one.key,
            "title": one.title,
            "possible": not one.refusal,
            "why_not": f"{one.refusal} {one.remedy}".strip(),
        }
        for one in life_offers.offers(actor, service)
    ]
    if asked.json:
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for one in told:
        mark = "✓" if one["possible"] else "✗"
        print(f"{mark} {one['change']}  {one['title']}  {one['why_not']}".rstrip())


def service_change(asked: argparse.Namespace) -> None:
    """Prove the customer, ask for the change; prints the order.

    Whether this person and this line may have it at all is looked at first: nothing is compared or
    counted for a change that cannot be.
    """
    actor = actor_of(asked.user)
    service = _service(actor, asked.account)
    plan = life_plans.plan_of(actor, service.id, asked.change)
    life_plans.require_may_ask(actor, plan.procedure)
    if plan.refusal:
        raise OrderRefused(plan.refusal, plan.remedy)
    if plan.authenticate:
        if asked.number and not asked.code and NUMBER_CODE in plan.authenticate:
            sent = changing.send_code(
                actor=actor,
                service_id=service.id,
                procedure=asked.change,
                field="",
                typed=asked.number,
                key=asked.key or "",
            )
            print(f"A code was sent to {sent.masked}: ask again with --code.")
            return
        kind = _kind(plan.authenticate, asked)
        given = {
            name: asked.account if name == "account" else getattr(asked, _SAID[name]) or ""
            for name in ASKED[kind]
        }
        ordering.authenticate(
            actor=actor,
            service_id=service.id,
            kind=kind,
            given=given,
            limits=limits_of(plan.procedure.parameters),
            procedure=asked.change,
            key=asked.key or "",
            parameters=plan.procedure.parameters,
        )
    order = changing.request_change(
        actor=actor,
        service_id=service.id,
        procedure=asked.change,
        key=asked.key or str(uuid7()),
        data=_answers(asked.set),
        reason=asked.reason,
        note=asked.note,
        channel="cli",
    )
    print(order.id if not asked.json else json.dumps({"id": str(order.id), "number": order.number}))


def _service(actor: Actor, account: str) -> ServiceView:
    found = inventory.service_by_account(actor, account)
    if found is None:
        raise NotFound("There is no line of this account.", "See service show, or the page.")
    return found


def _kind(kinds: tuple[str, ...], asked: argparse.Namespace) -> str:
    """The first way to prove the customer for which everything was said."""
    for kind in kinds:
        if all(n == "account" or getattr(asked, _SAID[n]) for n in ASKED[kind]):
            return kind
    wanted = "; ".join(
        " and ".join(f"--{_SAID[n].replace('_', '-')}" for n in ASKED[kind] if n != "account")
        for kind in kinds
    )
    raise BadInput([InputFault("authentication", "Who the customer is was not said.", wanted)])


def _answers(given: list[str]) -> dict[str, object]:
    """`--set name=value`; true and false are those; `-` asks without showing it."""
    found: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput([InputFault("set", f"{text!r} is not NAME=VALUE.")])
        if value == "-":
            found[name] = getpass.getpass(f"{name}: ")
        elif value in ("true", "false"):
            found[name] = value == "true"
        else:
            found[name] = value
    return found
