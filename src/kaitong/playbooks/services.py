"""The verbs of playbooks: check, deploy, and completing work through its form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from kaitong.assurance import schema as assurance_schema
from kaitong.assurance import services as assurance
from kaitong.catalog import names
from kaitong.catalog import services as catalog
from kaitong.catalog.choices import OfferingKind
from kaitong.charging import services as charging
from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, Conflict, KaitongError
from kaitong.core.home import library
from kaitong.documents import services as documents
from kaitong.fieldwork import schema as onsite_schema
from kaitong.fieldwork import services as fieldwork
from kaitong.fieldwork.models import Check
from kaitong.hall import services as hall
from kaitong.ordering import counter_rules
from kaitong.ordering import papers as order_papers
from kaitong.ordering import services as ordering
from kaitong.org import services as org
from kaitong.org.actor import Actor
from kaitong.playbooks import bundles, loader, onsite, photos, queries, ranges, wiring, withdrawal
from kaitong.playbooks.errors import PlaybookError
from kaitong.playbooks.forms import Form
from kaitong.playbooks.model import Playbook
from kaitong.playbooks.models import Deployment
from kaitong.process import services as process
from kaitong.process.model import NodeKind
from kaitong.process.services import Progress, StepContext
from kaitong.surveys import schema as surveys_schema
from kaitong.surveys import services as surveys


def find(place: str | Path) -> Path:
    """A playbook's folder by path, or by its name in the library."""
    for folder in (Path(place), library() / str(place)):
        if (folder / "playbook.yaml").is_file():
            return folder
    raise PlaybookError(
        f"There is no playbook at {place}.", "Name a folder that holds playbook.yaml."
    )


def check(folder: Path, *, sheets: bool = True) -> Playbook:
    """The checked playbook; raises RefusedPlaybook with every fault."""
    return loader.load(
        folder,
        actions=frozenset(wiring.ACTIONS),
        writes=wiring.TARGETS,
        checks=frozenset(wiring.CHECKS),
        sheets=sheets,
    )


@transaction.atomic
def deploy(*, actor: Actor, folder: Path) -> Deployment:
    """Make a playbook's folder the current version. The same content again changes nothing.

    Nothing is deleted: the version before retires, and orders that pinned it run on. Raises
    BadInput where a number range of it lies partly within another's (`playbooks.ranges`).
    """
    known = Deployment.objects.filter(hash=loader.fingerprint(folder)).exists()
    book = check(folder, sheets=not known)
    with connection.cursor() as cursor:  # two deployments take turns, whatever their playbooks
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('playbook deployments'))")
    row = Deployment.objects.filter(playbook=book.key, hash=book.hash).first()
    if row is not None and row.retired_at is None:
        return row
    needs = {key: entry.get("needs", {}) for key, entry in book.content["services"].items()}
    ranges.require_apart(book.key, needs, book.parameters)
    Deployment.objects.filter(playbook=book.key, retired_at=None).update(retired_at=now())
    if row is None:
        row = Deployment(
            playbook=book.key,
            title=book.title,
            hash=book.hash,
            deployed_by=actor.id,
            content={
                "forms": {file: dict(form.content) for file, form in book.forms.items()},
                "english": dict(book.english),
                "posts": book.content["posts"],
                "parameters": book.content.get("parameters", {}),
                "fieldwork": book.content.get("fieldwork", {}),
                "definitions": _deploy_onsite(book),
            },
        )
    row.retired_at = None
    row.save()
    for key, post in book.content["posts"].items():
        org.ensure_post(key=key, name=post["title"], name_en=book.english.get(post["title"], ""))
    _deploy_catalog(actor, book)
    _deploy_procedures(actor, book, folder.resolve())
    charging.put_policy(
        playbook=book.key, version=book.hash, parameters=book.parameters, english=book.english
    )
    _deploy_handling(actor, book, folder.resolve())
    _deploy_hall(actor, book, folder.resolve())
    _deploy_surveys(actor, book)
    audit.record(
        "playbook-deployed",
        actor_id=actor.id,
        subject_type="playbook",
        subject_id=row.id,
        data={"playbook": book.key, "hash": book.hash},
    )
    return row


def _deploy_onsite(book: Playbook) -> dict[str, str]:
    """The processes that work on the spot starts, as deployed definitions."""
    made, pinned = {}, _called(book)
    for name, (file, _place) in onsite_schema.named_files(book.content).items():
        made[name] = str(_definition(book, PurePosixPath(file).stem, file, pinned))
    return made


def _deploy_catalog(actor: Actor, book: Playbook) -> None:
    english = book.english
    catalog.deploy(
        actor=actor,
        playbook_key=book.key,
        hash=book.hash,
        service_specs=[
            catalog.ServiceEntry(
                key=key,
                title=entry["title"],
                title_en=english.get(entry["title"], ""),
                each=entry.get("each", "order"),
                needs=entry.get("needs", {}),
                activates=entry.get("activates", []),
                proven_by=entry["proven-by"],
                names=names.kept(entry.get("names", {}), english),
            )
            for key, entry in book.content["services"].items()
        ],
        offerings=[
            catalog.OfferingEntry(
                key=entry["key"],
                title=entry["title"],
                title_en=english.get(entry["title"], ""),
                description=entry.get("description", ""),
                services=[entry["service"]],
                charges=bundles.charges(entry),
                parts=bundles.parts(entry, english),
                requires=entry.get("requires", []),
                excludes=entry.get("excludes", []),
                options=entry.get("options", []),
                characteristics=entry.get("characteristics", {}),
                term=entry.get("term", ""),
            )
            for entry in book.content.get("offerings", [])
        ]
        + [_case(entry, english) for entry in book.content.get("cases", [])],
    )


def _case(entry: Mapping[str, Any], english: Mapping[str, str]) -> catalog.OfferingEntry:
    """A marketing case as the catalogue takes it."""
    valid = {key: date.fromisoformat(day) for key, day in entry.get("valid", {}).items()}
    return catalog.OfferingEntry(
        key=entry["key"],
        kind=OfferingKind.CASE,
        title=entry["title"],
        title_en=english.get(entry["title"], ""),
        description=entry.get("description", ""),
        requires=entry["offerings"],
        excludes=entry.get("excludes", []),
        charges=entry.get("charges", []),
        prices=entry.get("prices", []),
        bound_number=entry.get("bound-number", False),
        leaving=entry.get("leaving", {}),
        term=entry.get("term", ""),
        valid_from=valid.get("from"),
        valid_until=valid.get("until"),
    )


def _papers(
    book: Playbook, folder: Path, entries: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """Papers as procedures carry them: template by hash, number rule and office resolved."""
    papers = {}
    given = book.content.get("papers", {}) if entries is None else entries
    for kind, entry in given.items():
        post = book.content["posts"][entry["post"]]
        papers[kind] = {
            **{k: v for k, v in entry.items() if k not in ("file", "post")},
            "title_en": book.english.get(entry["title"], ""),
            "template": documents.keep_template(f"{folder.name}/{entry['file']}", folder.parent),
            # in their order, which a jsonb object would not keep
            "attachments": [list(pair) for pair in entry.get("attachments", {}).items()],
            "office": post.get("department") or post["title"],
            "number": {"rule": f"{book.key}.{entry['number']}"[:60]}
            | book.content["numbers"][entry["number"]],
        }
    return papers


def _notices(book: Playbook) -> dict[str, dict[str, Any]]:
    """Notices as procedures carry them, in both languages."""
    english = book.english
    return {
        key: {
            **entry,
            "title_en": english.get(entry["title"], ""),
            "text_en": entry.get("text_en") or english.get(entry["text"], ""),
        }
        for key, entry in book.content.get("notices", {}).items()
    }


def _called(book: Playbook) -> dict[str, UUID]:
    """The called processes, deployed; each after those it calls."""
    pinned: dict[str, UUID] = {}
    for key in book.called:
        pinned[key] = _definition(book, key, book.content["called"][key]["file"], pinned)
    return pinned


def _definition(book: Playbook, key: str, file: str, pinned: Mapping[str, UUID]) -> UUID:
    definition = process.deploy(
        playbook=book.key,
        key=key,
        data=book.bpmn[key],
        file=file,
        decisions=book.decisions,
        calls=pinned,
        parameters={
            **book.parameters,
            "posts": _posts(book),
            "playbook": {"key": book.key, "hash": book.hash},
        },
    )
    return definition.pk


def _posts(book: Playbook) -> dict[str, dict[str, Any]]:
    return {
        key: {name: entry.get(name, "") for name in ("department", "pick", "scope")}
        for key, entry in book.content["posts"].items()
    }


def _deploy_procedures(actor: Actor, book: Playbook, folder: Path) -> None:
    papers, notices = _papers(book, folder), _notices(book)
    entries = book.content
    posts = _posts(book)
    procedures, pinned = [], _called(book)
    for key, entry in book.content["processes"].items():
        cancel: dict[str, Any] = {}
        if "cancel" in entry:
            file = entry["cancel"]["process"]
            undo = withdrawal.key_of(file)
            cancel = withdrawal.resolved(
                book.content,
                key,
                book.processes[key],
                definition_id=str(_definition(book, undo, file, pinned)),
                english=book.english,
            ) | {"title": book.processes[undo].name}
        procedures.append(
            ordering.ProcedureEntry(
                key=key,
                title=entry["title"],
                title_en=book.english.get(entry["title"], ""),
                action=entry["for"],
                service=entry["service"],
                definition_id=_definition(book, key, entry["file"], pinned),
                budget=entry.get("budget", ""),
                number_rule=book.content["numbers"][entry["number"]],
                papers={
                    kind: paper
                    for kind, paper in papers.items()
                    if counter_rules.belongs(entries["papers"][kind], key, entry)
                },
                notices={
                    name: notice
                    for name, notice in notices.items()
                    if counter_rules.belongs(entries["notices"][name], key, entry)
                },
                cancel=cancel,
                counter=counter_rules.resolved(entry, book.english, entries.get("acting", {})),
                parameters={
                    **book.parameters,
                    "posts": posts,
                    "playbook": {"key": book.key, "hash": book.hash},
                },
            )
        )
    ordering.deploy_procedures(
        actor=actor, playbook=book.key, playbook_hash=book.hash, procedures=procedures
    )


def _deploy_handling(actor: Actor, book: Playbook, folder: Path) -> None:
    """`faults:` as assurance keeps it, with processes deployed and words in both languages."""
    section = book.content.get("faults")
    entry = None
    if section:
        english, pinned = book.english, _called(book)
        numbers = book.content["numbers"]
        notices = {
            key: {
                **one,
                "title_en": english.get(one["title"], ""),
                "text_en": one.get("text_en") or english.get(one["text"], ""),
            }
            for key, one in section.get("notices", {}).items()
        }
        entry = assurance.HandlingEntry(
            services=[f"{book.key}.{key}" for key in section["services"]],
            content={**section, "notices": notices, "english": dict(english)},
            definitions={
                name: str(_definition(book, PurePosixPath(file).stem, file, pinned))
                for name, (file, _place) in assurance_schema.named_files(book.content).items()
            },
            parameters={
                **book.parameters,
                "posts": _posts(book),
                "playbook": {"key": book.key, "hash": book.hash},
            },
            numbers={
                kind: {"rule": f"{book.key}.{name}"[:60]} | numbers[name]
                for kind, name in section["numbers"].items()
            },
            papers=_papers(book, folder, section.get("papers", {})),
            notices=_notices(book),
        )
    assurance.deploy_handling(actor=actor, playbook=book.key, playbook_hash=book.hash, entry=entry)


def _deploy_hall(actor: Actor, book: Playbook, folder: Path) -> None:
    """`hall:` as the hall keeps it, with words in both languages."""
    section = book.content.get("hall")
    entry = None
    if section:
        entry = hall.RulesEntry(
            content={**section, "english": dict(book.english)},
            parameters=book.parameters,
            papers=_papers(book, folder, section.get("papers", {})),
        )
    hall.deploy_hall(actor=actor, playbook=book.key, playbook_hash=book.hash, entry=entry)


def _deploy_surveys(actor: Actor, book: Playbook) -> None:
    """`surveys:` with its process deployed and words in both languages."""
    section = book.content.get("surveys")
    entry = None
    if section:
        made, pinned = None, _called(book)
        for key, (file, _place) in surveys_schema.process_files(book.content).items():
            made = _definition(book, key, file, pinned)
        entry = surveys.RulesEntry(
            content={**section, "english": dict(book.english)},
            parameters={
                **book.parameters,
                "posts": _posts(book),
                "playbook": {"key": book.key, "hash": book.hash},
            },
            definition_id=made,
        )
    surveys.deploy_surveys(actor=actor, playbook=book.key, playbook_hash=book.hash, entry=entry)


class _LookFirst(Exception):
    """Everything is right but that the check of the step has not looked yet."""

    def __init__(self, kind: str, asked: fieldwork.Asked, fields: Mapping[str, str]) -> None:
        self.kind, self.asked, self.fields = kind, asked, fields


def complete_work(
    *, actor: Actor, item_id: UUID, data: Mapping[str, Any], key: str = ""
) -> Progress:
    """Complete a work item with the answers of its form (回单, 办结): the one door of every face.

    Answers are checked against the form's schema; those with `writes:` go to their verbs, the
    others steer the process as variables. All in one transaction: bad input changes nothing.
    Raises BadInput with every fault, or whatever the verbs refuse.

    A step with `kaitong:check` first goes through all of that up to its verbs and is rolled back;
    then the check looks at the network outside of any transaction; a failed one raises
    CheckFailed and leaves only its own row, a good one is held to in the second, completing
    transaction. With a `key` of the sender's, a completion sent again answers as the first did.
    """
    with audit.acting(actor.id, "complete work"):
        try:
            return _answered(actor, key, item_id) or _complete(actor, item_id, data, key)
        except Conflict:
            before = _answered(actor, key, item_id)  # the same request, a moment earlier
            if before is None:
                raise
            return before


def _answered(actor: Actor, key: str, item_id: UUID) -> Progress | None:
    given = fieldwork.answered(actor, key, item_id)
    if given is None:
        return None
    return process.progress_of(
        instance_id=given.instance_id, business_id=given.business_id, node=given.node
    )


def _complete(actor: Actor, item_id: UUID, data: Mapping[str, Any], key: str) -> Progress:
    try:
        return _attempt(actor, item_id, data, key, None)
    except _LookFirst as first:
        asked, fields, kind = first.asked, first.fields, first.kind
    check = wiring.CHECKS[kind](asked)
    fieldwork.require(check, fields)
    return _attempt(actor, item_id, data, key, check)


def _check(form: Form, data: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    """Every fault at once: the form's own, and what is demanded at the customer's."""
    faults = onsite.lacking(content, form, data)
    try:
        form.check(data)
    except BadInput as bad:
        raise BadInput([*bad.faults, *faults]) from None
    if faults:
        raise BadInput(faults)


def _attempt(
    actor: Actor, item_id: UUID, data: Mapping[str, Any], key: str, check: Check | None
) -> Progress:
    def within(step: StepContext) -> dict[str, Any]:
        if step.node.kind is NodeKind.MANUAL or not step.node.form:
            return _kept(step, {})
        pinned = step.parameters["playbook"]
        form = queries.step_form(pinned, step.node.form, step.variables)
        _check(form, data, queries.content(pinned["key"], pinned["hash"]))
        photos.use(step, form, data)
        variables, writes = form.split(data)
        if kind := step.node.extension.get("check", ""):
            if check is None:
                asked = fieldwork.Asked.of(step, writes)
                if faults := fieldwork.override_faults(asked, form.targets()):
                    raise BadInput(faults)
                raise _LookFirst(kind, asked, form.targets())
            fieldwork.hold(check, step)
        told = replace(step, values=writes)  # an answer may need another: a port its reason
        for target, value in writes.items():
            try:
                wiring.WRITES[target](told, value)
            except KaitongError as refused:
                raise form.named(refused, target) from None
        if step.business_id is not None and wiring.ON_WORK_ORDERS & set(writes):
            order_papers.renew(actor=step.actor, order_id=step.business_id)
        return _kept(step, variables)

    def _kept(step: StepContext, variables: dict[str, Any]) -> dict[str, Any]:
        fieldwork.keep(
            actor,
            key,
            item_id,
            {
                "instance_id": str(step.instance_id),
                "business_id": str(step.business_id) if step.business_id else None,
                "node": step.node.id,
            },
        )
        return variables

    return process.complete(actor=actor, item_id=item_id, values={}, within=within)
