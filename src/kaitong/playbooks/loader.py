"""Read a playbook's folder, or refuse it with every fault: file, line, element, what, remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kaitong.assurance import schema as assurance
from kaitong.hall import schema as hall
from kaitong.playbooks import calls, sharing, withdrawal
from kaitong.playbooks.clocks import clock_faults
from kaitong.playbooks.errors import RefusedPlaybook
from kaitong.playbooks.model import Playbook
from kaitong.playbooks.money import money_faults
from kaitong.playbooks.notices import notice_faults
from kaitong.playbooks.reading import forms as form_rules
from kaitong.playbooks.reading import papers, references, words
from kaitong.playbooks.reading.folder import MAIN, Folder, fingerprint
from kaitong.playbooks.reading.processes import Blocks, Processes, alone, decisions, scenarios
from kaitong.playbooks.schema import PLAYBOOK
from kaitong.process.model import Model
from kaitong.surveys import schema as surveys

__all__ = ["Playbook", "fingerprint", "load"]


def load(
    folder: Path,
    *,
    actions: frozenset[str],
    writes: frozenset[str],
    checks: frozenset[str] | None = None,
    sheets: bool = True,
) -> Playbook:
    """The checked playbook of a folder.

    `actions`, `writes` and `checks` are the names that the building blocks of this Kaitong offer
    (checks: None leaves them unjudged). Without `sheets` its papers are not tried: this version's
    were. Raises RefusedPlaybook with all faults at once.
    """
    at = Folder(folder.resolve())
    content = at.yaml(MAIN)
    if content is not None:
        at.schema(MAIN, PLAYBOOK, content)
        if sharing.named(content) and at.shared is None:
            what = f"The library has no shared folder {sharing.named(content)!r}."
            at.spot([sharing.KEY], what, "Name one, such as common/line, or copy it with.")
    broken = content is None or bool(at.faults)
    forms = form_rules.read(at, writes)
    tables, dmn = decisions(at)
    if broken:
        # References are only followed from a well-formed playbook.yaml; what stands beside it
        # is read all the same, so that everything wrong is said at once.
        alone(at, tables)
        raise RefusedPlaybook(at.faults)
    form_rules.photos(at, content, forms)
    processes = Processes(at, Blocks(actions, writes, checks), tables, forms, content)
    called = processes.called()
    models = processes.read(withdrawal.files(content))
    references.check(at, content, models, forms)
    if sheets:
        papers.check(at, content)
    every = {**called, **models}
    english = words.english(at, content, forms, every.values(), tables or {})
    _of_other_packages(at, content, every, english)
    played = scenarios(at, models, called, set(withdrawal.files(content)))
    if at.faults:
        raise RefusedPlaybook(at.faults)
    return Playbook(
        key=content["key"],
        title=content["title"],
        hash=fingerprint(at.root),
        content=content,
        forms=forms,
        processes=models,
        called=called,
        bpmn=processes.sources,
        decisions=dmn,
        english=english,
        scenarios=played,
    )


def _of_other_packages(
    folder: Folder,
    content: Mapping[str, Any],
    models: Mapping[str, Model],
    english: Mapping[str, str],
) -> None:
    """What faults, the hall, surveys, money and others say of their parts of playbook.yaml."""

    def line(path: Iterable[Any]) -> int:
        return folder.line(MAIN, path)

    names = folder.names()
    for where, what, remedy in assurance.faults(content, names, english):
        folder.spot(where, what, remedy)
    for where, what, remedy in hall.faults(content, names):
        folder.spot(where, what, remedy)
    for where, what, remedy in surveys.faults(content, english):
        folder.spot(where, what, remedy)
    folder.faults += notice_faults(content, models, english, line)
    folder.faults += money_faults(content, line)
    whole = set(models) >= {*calls.files(content), *withdrawal.files(content)}
    folder.faults += clock_faults(content, models, line, whole=whole)
