"""Choices of a change's form that are found and not written down (`x-choice`), each with what it
would mean for this line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.ordering import case_change, case_rules, part_change
from kaitong.ordering.life_checks import Subject
from kaitong.ordering.life_plans import ChangePlan
from kaitong.ordering.part_change import PartOffer, range_in
from kaitong.ordering.plan_change import PlanOffer, explained, offers_of
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.web import format as fmt
from kaitong.web import forms
from kaitong.web.format import mark

Found = Callable[[Subject], list[forms.Option]]


def offered(
    actor: Actor, plan: ChangePlan, fields: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[forms.Option]]:
    """The choices of each field that has some, by its name."""
    subject = Subject(actor, plan.service, plan.procedure, now())
    return {
        name: _KINDS[spec["x-choice"]](subject)
        for name, spec in fields.items()
        if spec.get("x-choice") in _KINDS
    }


def searches(
    actor: Actor, plan: ChangePlan, fields: Mapping[str, Mapping[str, Any]], key: str
) -> dict[str, str]:
    """Where choices are asked for while somebody types (`x-search`), by the field's name; empty
    where nothing could be found for this line."""
    where = [plan.service.id, plan.procedure.key]
    subject = Subject(actor, plan.service, plan.procedure, now())
    found = {}
    for name, spec in fields.items():
        match spec.get("x-search"):
            case "address":
                found[name] = f"{reverse('web:change_addresses', args=where)}?field={name}"
            case "number":
                url = reverse("web:change_numbers", args=[*where, key])
                found[name] = f"{url}?field={name}" if range_in(subject) is not None else ""
    return found


def _plans(subject: Subject) -> list[forms.Option]:
    """The plans a line may change to."""
    say = _words(subject)
    return [
        forms.Option(
            one.key,
            _plan_title(one),
            help=mark("").join(explained(subject, one, say)),
            tag=_("%s/月") % fmt.yuan(one.monthly_fen),
        )
        for one in offers_of(subject)
    ]


def _words(subject: Subject) -> Callable[[str], str]:
    return playbooks.words(subject.procedure.playbook, subject.procedure.playbook_hash)


def _plan_title(offer: PlanOffer) -> str:
    title = case_rules.title_of(offer.offering)
    if not offer.chosen or offer.case is None:
        return title
    return f"{title} + {case_rules.title_of(offer.case)}"


def _endings(subject: Subject) -> list[forms.Option]:
    return _of_parts(subject, part_change.endings_of(subject))


def _additions(subject: Subject) -> list[forms.Option]:
    return _of_parts(subject, part_change.additions_of(subject))


def _of_parts(subject: Subject, offers: list[PartOffer]) -> list[forms.Option]:
    say = _words(subject)
    return [
        forms.Option(
            one.offering.key,
            part_change.title_of(one, say),
            help=mark("").join(part_change.told(subject, one, say)),
            tag=_("%s/月") % fmt.yuan(one.plan.monthly_fen),
        )
        for one in offers
    ]


def _cases(subject: Subject) -> list[forms.Option]:
    """The marketing cases a line may join or change to, and leaving the one it has."""
    say = _words(subject)
    return [
        forms.Option(
            one.key,
            case_rules.title_of(one.case) if one.case is not None else _("退出营销案"),
            help=mark("").join(case_change.explained(subject, one, say)),
            tag=_("%s/月") % fmt.yuan(one.monthly_fen),
        )
        for one in case_change.offers_of(subject)
    ]


_KINDS: Mapping[str, Found] = {
    "offering": _plans,
    "case": _cases,
    "part-to-end": _endings,
    "part-to-add": _additions,
}
