"""What the parts of playbook.yaml name of one another: numbers, posts, parameters, services."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from kaitong.catalog import leaving
from kaitong.catalog.pricing import unmatched
from kaitong.documents.errors import NumberingError
from kaitong.documents.numbering import parse_pattern
from kaitong.fieldwork import schema as onsite
from kaitong.ordering import counter_rules
from kaitong.playbooks import bundles, ranges, withdrawal
from kaitong.playbooks.forms import Form
from kaitong.playbooks.reading.folder import Folder
from kaitong.playbooks.schema import BUDGET_KINDS
from kaitong.process.model import Model
from kaitong.worktime.errors import BudgetError
from kaitong.worktime.rules import parse_budget


def check(
    folder: Folder,
    content: Mapping[str, Any],
    models: Mapping[str, Model],
    forms: Mapping[str, Form],
) -> None:
    _numbers_and_papers(folder, content)
    fields = {name for form in forms.values() for name in form.fields}
    for path, what, remedy in onsite.faults(content, fields):
        folder.spot(path, what, remedy)
    _budgets(folder, content)
    _processes(folder, content, models, forms)
    for path, what, remedy in counter_rules.acting_faults(content, forms):
        folder.spot(path, what, remedy)
    for path, what, remedy in counter_rules.selections(content):
        folder.spot(path, what, remedy)
    _offerings(folder, content)
    _cases(folder, content)
    _services(folder, content)


def _numbers_and_papers(folder: Folder, content: Mapping[str, Any]) -> None:
    for key, rule in content["numbers"].items():
        try:
            parse_pattern(rule["pattern"], rule["restart"])
        except NumberingError as error:
            folder.spot(["numbers", key, "pattern"], str(error.what), str(error.remedy))
    for kind, paper in content.get("papers", {}).items():
        path = ["papers", kind]
        if paper["number"] not in content["numbers"]:
            folder.spot([*path, "number"], f"No number rule {paper['number']!r}.", "Add it.")
        if paper["post"] not in content["posts"]:
            folder.spot([*path, "post"], f"No post {paper['post']!r}.", "Name it under posts:.")
        if not (folder.root / paper["file"]).is_file():
            folder.spot([*path, "file"], f"No file {paper['file']}.", "Add it, or correct.")


def _budgets(folder: Folder, content: Mapping[str, Any]) -> None:
    for name, entry in content.get("parameters", {}).items():
        if entry["kind"] in BUDGET_KINDS:
            try:
                parse_budget({"kind": entry["kind"], "amount": entry["default"]})
            except BudgetError as error:
                folder.spot(["parameters", name, "default"], error.what, error.remedy)


def _processes(
    folder: Folder,
    content: Mapping[str, Any],
    models: Mapping[str, Model],
    forms: Mapping[str, Form],
) -> None:
    parameters = content.get("parameters", {})
    for key, entry in content["processes"].items():
        path = ["processes", key]
        if entry["service"] not in content["services"]:
            folder.spot([*path, "service"], f"No service {entry['service']!r}.", "Name it.")
        budget = entry.get("budget")
        if budget and parameters.get(budget, {}).get("kind") not in BUDGET_KINDS:
            folder.spot([*path, "budget"], f"No time budget {budget!r}.", "Add the parameter.")
        if entry["number"] not in content["numbers"]:
            folder.spot([*path, "number"], f"No number rule {entry['number']!r}.", "Add it.")
        if "cancel" in entry:
            for place, what, remedy in withdrawal.faults(content, key, models.get(key)):
                folder.spot([*path, "cancel", *place], what, remedy)
        if "counter" in entry:
            for place, what, remedy in counter_rules.faults(content, entry, forms):
                folder.spot([*path, "counter", *place], what, remedy)


def _offerings(folder: Folder, content: Mapping[str, Any]) -> None:
    for position, offer in enumerate(content.get("offerings", [])):
        path = ["offerings", position]
        if offer["service"] not in content["services"]:
            folder.spot([*path, "service"], f"No service {offer['service']!r}.", "")
        for what, remedy in bundles.faults(content, offer):
            folder.spot([*path, "with"], what, remedy)


def _cases(folder: Folder, content: Mapping[str, Any]) -> None:
    """Marketing cases: their plans, the charges they change, their dates."""
    plans = {entry["key"]: entry for entry in content.get("offerings", [])}
    keys = [entry["key"] for part in ("offerings", "cases") for entry in content.get(part, [])]
    for position, case in enumerate(content.get("cases", [])):
        path: list[Any] = ["cases", position]
        if keys.count(case["key"]) > 1:
            folder.spot([*path, "key"], f"{case['key']!r} is there twice.", "Give it its own key.")
        cases = {one["key"] for one in content["cases"]}
        for key in case.get("excludes", []):
            if key not in cases:
                folder.spot([*path, "excludes"], f"No case {key!r}.", "Name one of cases:.")
        for place, what, remedy in leaving.faults(case):
            folder.spot([*path, *place], what, remedy)
        for key in case["offerings"]:
            if key not in plans:
                what = f"No offering {key!r}."
                folder.spot([*path, "offerings"], what, "Name one of offerings:.")
                continue
            for price in unmatched(bundles.charges(plans[key]), case.get("prices", [])):
                folder.spot(
                    [*path, "prices"],
                    f"{key} has no charge {price['title']!r} at {price['when']!r}.",
                    "Name a charge as the offering does; new ones stand under charges.",
                )
        days = []
        for name in ("from", "until"):
            try:
                days.append(date.fromisoformat(case.get("valid", {}).get(name, "2000-01-01")))
            except ValueError:
                folder.spot([*path, "valid", name], "There is no such day.", "Correct the date.")
        if len(days) == 2 and "until" in case.get("valid", {}) and days[0] > days[1]:
            folder.spot([*path, "valid"], "It ends before it begins.", "Correct the dates.")


def _services(folder: Folder, content: Mapping[str, Any]) -> None:
    parameters = content.get("parameters", {})
    for key, entry in content["services"].items():
        for need, wanted in entry.get("needs", {}).items():
            for name in (wanted.get("hold"), wanted.get("rule")):
                if name and name not in parameters:
                    folder.spot(
                        ["services", key, "needs", need], f"No parameter {name!r}.", "Add it."
                    )
    values = {name: entry.get("default") for name, entry in parameters.items()}
    needs = {key: entry.get("needs", {}) for key, entry in content["services"].items()}
    for one, _other, what, remedy in ranges.clashes(ranges.of(content["key"], needs, values)):
        folder.spot(["services", one.service, "needs"], what, remedy)
