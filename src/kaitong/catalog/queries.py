"""Reading the catalogue. It is the operator's, not a branch's: every actor sees all of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from kaitong.catalog.choices import EntryState, OfferingKind
from kaitong.catalog.errors import NotOffered
from kaitong.catalog.models import Offering, ResourceSpecification, ServiceSpecification
from kaitong.core import plain, wording
from kaitong.org.actor import Actor


def current_offerings(actor: Actor, *, playbook: str = "", kind: str = "") -> list[Offering]:
    """What can be ordered now, in the playbooks' own order."""
    rows = Offering.objects.filter(state=EntryState.ACTIVE)
    if playbook:
        rows = rows.filter(playbook=playbook)
    if kind:
        rows = rows.filter(kind=kind)
    return list(rows)


def offering(key: str, *, version: str = "") -> Offering:
    """The active offering of a key, or the one of a version (orders keep theirs).

    Raises NotOffered.
    """
    where, told = ("version = %s", version) if version else ("state = %s", EntryState.ACTIVE.value)
    rows = plain.kept(
        Offering, f"key = %s and {where} order by playbook, position, key limit 1", [key, told]
    )
    found = rows[0] if rows else None
    if found is None:
        raise NotOffered(
            _("没有可办理的商品 %(key)s。") % {"key": key},
            _("从商品目录里选一个在用的商品。"),
            field="offering",
        )
    return found


def cases(on: date, plans: Iterable[str] | None = None) -> list[Offering]:
    """The marketing cases (营销案) that may be chosen on a day, in the playbooks' own order."""
    rows = Offering.objects.filter(kind=OfferingKind.CASE, state=EntryState.ACTIVE).filter(
        Q(valid_from=None) | Q(valid_from__lte=on), Q(valid_until=None) | Q(valid_until__gte=on)
    )
    wanted = None if plans is None else set(plans)
    return [row for row in rows if wanted is None or wanted & set(row.requires)]


def case(key: str, *, plan: str, on: date) -> Offering:
    """The marketing case of a key for a plan on a day. Raises NotOffered saying what is wrong."""
    found = Offering.objects.filter(
        key=key, kind=OfferingKind.CASE, state=EntryState.ACTIVE
    ).first()
    if found is None:
        raise NotOffered(
            _("没有营销案 %(key)s。") % {"key": key}, _("请选一个在用的营销案。"), field="case"
        )
    facts = {"title": found.title, "plan": plan, "d": found.valid_from or found.valid_until}
    if plan not in found.requires:
        raise NotOffered(
            _("营销案“%(title)s”不适用于套餐 %(plan)s。") % facts,
            _("适用的套餐：%s。") % wording.several(found.requires),
            field="case",
        )
    if found.valid_from is not None and on < found.valid_from:
        raise NotOffered(
            _("营销案“%(title)s”%(d)s 起才可办理。") % facts, _("请另选营销案。"), field="case"
        )
    if found.valid_until is not None and on > found.valid_until:
        facts["d"] = found.valid_until
        raise NotOffered(
            _("营销案“%(title)s”已于 %(d)s 停办。") % facts, _("请另选营销案。"), field="case"
        )
    return found


def offerings(keys: Iterable[str]) -> dict[str, Offering]:
    """Offerings by key for lists: the active one, else the youngest retired one; one query."""
    where = "key = any(%s::text[]) order by state desc, updated_at"
    rows = plain.kept(Offering, where, [plain.array(set(keys))])
    # `retired` sorts before `active` in this order, so the active one is written last and stays.
    return {row.key: row for row in rows}


def service_specification(
    key: str, *, playbook: str = "", version: str = ""
) -> ServiceSpecification:
    """A service specification: of a version, else the active one. Raises NotOffered."""
    where, told = "key = %s", [key]
    if playbook:
        where, told = f"{where} and playbook = %s", [*told, playbook]
    where += " and version = %s" if version else " and state = %s"
    told.append(version or EntryState.ACTIVE.value)
    rows = plain.kept(
        ServiceSpecification, f"{where} order by playbook, position, key limit 1", told
    )
    found = rows[0] if rows else None
    if found is None:
        raise NotOffered(
            _("没有服务规格 %(key)s。") % {"key": key},
            _("先部署含有它的业务流程包。"),
            field="service",
        )
    return found


def service_specifications(*, playbook: str = "", version: str = "") -> list[ServiceSpecification]:
    """The active service specifications, or those of one version of a playbook."""
    rows = ServiceSpecification.objects.all()
    if playbook:
        rows = rows.filter(playbook=playbook)
    return list(rows.filter(version=version) if version else rows.filter(state=EntryState.ACTIVE))


def sent_to(kind: str) -> set[tuple[str, str]]:
    """Specifications (playbook, key) of which some version goes to an element of this kind."""
    rows = ServiceSpecification.objects.values_list("playbook", "key", "activates")
    return {
        (playbook, key)
        for playbook, key, activates in rows
        if any(one.get("on") == kind for one in activates)
    }


def entry(actor: Actor, entry_id: UUID) -> Offering | ServiceSpecification | None:
    """An offering or a service specification by identifier (TMF620/633 read one)."""
    return (
        Offering.objects.filter(pk=entry_id).first()
        or ServiceSpecification.objects.filter(pk=entry_id).first()
    )


def resource_specifications(keys: Iterable[str] | None = None) -> QuerySet[ResourceSpecification]:
    """The kinds of resources the inventory knows."""
    rows = ResourceSpecification.objects.all()
    return rows if keys is None else rows.filter(Q(key__in=list(keys)))


def english_titles() -> dict[str, str]:
    """What plans and marketing cases are called in English, by key; one query."""
    rows = Offering.objects.exclude(title_en="").order_by("-state", "updated_at")
    return dict(rows.values_list("key", "title_en"))


def plan_titles(*, english: bool = False) -> dict[str, str]:
    """Plans by key as they are called now, those no longer sold among them; one query."""
    rows = Offering.objects.filter(kind=OfferingKind.PLAN).order_by("-state", "updated_at")
    told = rows.values_list("key", "title", "title_en")
    return {key: (title_en if english and title_en else title) for key, title, title_en in told}
