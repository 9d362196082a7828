"""Reading deployed playbooks: forms of work items, English words, versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from kaitong.core.errors import NotFound
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.playbooks import wiring
from kaitong.playbooks.forms import Form
from kaitong.playbooks.models import Deployment
from kaitong.process import queries as process


@lru_cache(maxsize=256)
def _content(playbook: str, version: str) -> Mapping[str, Any] | None:
    """A deployed version's forms and words. Versions are immutable, so they are kept."""
    return (
        Deployment.objects.filter(playbook=playbook, hash=version)
        .values_list("content", flat=True)
        .first()
    )


def content(playbook: str, version: str) -> Mapping[str, Any]:
    found = _content(playbook, version)
    if found is None:
        _content.cache_clear()
        raise NotFound(_("没有部署过业务流程包 %s 的这个版本。") % playbook, _("请重新部署。"))
    return found


def forget() -> None:
    """Drop what is kept in memory (tests roll deployments back)."""
    _content.cache_clear()


def form(playbook: str, version: str, file: str) -> Form:
    """A form of a deployed version."""
    forms = content(playbook, version)["forms"]
    if file not in forms:
        raise NotFound(
            _("业务流程包 %(playbook)s 没有表单 %(file)s。") % {"playbook": playbook, "file": file}
        )
    return Form(file, forms[file], words(playbook, version))


def step_form(pinned: Mapping[str, str], file: str, variables: Mapping[str, Any]) -> Form:
    """A step's form, as it is asked of the order that stands there: `parts` are the further
    services of a bundle."""
    return form(pinned["key"], pinned["hash"], file).for_parts(services_in(variables))


def services_in(variables: Mapping[str, Any]) -> frozenset[str]:
    """The further services a process carries."""
    return frozenset(str(part.get("service", "")) for part in variables.get("parts") or ())


def example_for(
    *,
    playbook: str,
    version: str,
    file: str,
    branch_id: UUID,
    index: int = 0,
    photo: Callable[[str], str] | None = None,
    override: bool = False,
    variables: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Answers that complete a form, new each time where they must be.

    `photo` takes the picture of a field and gives its identifier (`photos.camera`).
    With `override` it is the example that lets a failed check pass, where the form has one.
    `variables` are the work item's: a form asks what the parts of its order need.
    """
    calendar = org.calendar_key(branch_id)

    def fresh(kind: str) -> Any:
        if photo is not None and kind.startswith("photo:"):
            return photo(kind.removeprefix("photo:"))
        return wiring.fresh(kind, branch_id=branch_id, calendar=calendar)

    found = form(playbook, version, file).for_parts(services_in(variables or {}))
    return found.example(fresh, found.override_example(index) if override else index)


def words(playbook: str, version: str) -> Callable[[str], str]:
    """Translates a playbook's Chinese into the reader's language (Chinese stays as it is)."""
    if (get_language() or "zh").startswith("zh") or not playbook:
        return lambda text: text
    english = content(playbook, version)["english"]
    return lambda text: english.get(text, text)


def current_words() -> Callable[[str], str]:
    """The same for texts of any playbook, by the words of all current versions: one query."""
    if (get_language() or "zh").startswith("zh"):
        return lambda text: text
    english: dict[str, str] = {}
    for part in current_content("english"):
        english |= dict(part)
    return lambda text: english.get(text, text)


def deployments() -> list[Deployment]:
    """Every version ever deployed, the current ones first."""
    return list(
        Deployment.objects.defer("content").order_by("playbook", "retired_at", "-created_at")
    )


def current_content(part: str) -> list[Mapping[str, Any]]:
    """One part of every current version's content."""
    rows = Deployment.objects.filter(retired_at=None).values_list("playbook", "hash")
    return [content(playbook, version).get(part, {}) for playbook, version in rows]


def steps(actor: Actor) -> list[tuple[str, str]]:
    """The steps (环节) of the actor's posts in the current versions: the title as work items bear
    it, and as the reader calls it. Steps of one title are one."""
    versions = dict(
        Deployment.objects.filter(retired_at=None)
        .values_list("playbook", "hash")
        .order_by("playbook")
    )
    found: dict[str, str] = {}
    for playbook, nodes in process.tasks().items():
        say = words(playbook, versions.get(playbook, "")) if playbook in versions else str
        for node in nodes:
            if actor.is_supervisor or node.lane in actor.posts:
                found.setdefault(node.name, say(node.name))
    return list(found.items())


def current(playbook: str) -> Deployment | None:
    return Deployment.objects.filter(playbook=playbook, retired_at=None).defer("content").first()
