"""What a procedure of a playbook says of the counter (`counter:`): who may ask for it, and when.

counter:
  from: [working]                  # how the service must stand: any of these
  unless: [suspended]              # refused while it stands so
  authenticate: [account-document] # any one proves the customer; none: nobody is asked
  form: forms/suspend.json         # what is entered; fields write `change.…`
  reasons: [...]                   # two levels, as of a withdrawal
  checks: {arrears: warn}          # what is looked at before, and what a finding means
  posts: [clerk]                   # who may; without: the post of the process's first step
  told: 停机期间……                  # what the customer is told before he agrees
  machine: true                    # not offered at the counter: only machines ask for it

`acting:` of the playbook is asked beside the form of every change whose customer proves himself: a
form for each kind of customer about who comes in his place (VER-03, VER-04).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kaitong.ordering import codes
from kaitong.ordering.life_answers import ANSWERS
from kaitong.ordering.life_checking import CHECKS
from kaitong.ordering.life_choices import AT_COUNTER, AuthenticationKind, Standing, Weight
from kaitong.party.choices import PartyKind

CODE_FOR = "x-code-for"  # a field with a one-time code: the field with the number it is sent to
AUTHENTICATION = "authentication"  # the parameter with the limits of it
LIMITS = ("tries", "within_minutes", "locked_minutes", "good_for_minutes")

_KEYS = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}


def schema(reasons: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of `counter:`."""
    standings = {**_KEYS, "items": {"enum": Standing.values}}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["from"],
        "properties": {
            "from": {**standings, "minItems": 1},
            "unless": standings,
            "authenticate": {**_KEYS, "items": {"enum": [kind.value for kind in AT_COUNTER]}},
            "form": {"type": "string", "minLength": 1},
            "reasons": dict(reasons),
            "checks": {
                "type": "object",
                "propertyNames": {"enum": sorted(CHECKS)},
                "additionalProperties": {"enum": Weight.values},
            },
            "posts": _KEYS,
            "told": {"type": "string", "minLength": 1, "maxLength": 300},
            "machine": {"type": "boolean"},
        },
    }


def sends_codes(entry: Mapping[str, Any], forms: Mapping[str, Any]) -> bool:
    """Whether a change has a mobile number prove itself by a one-time code."""
    counter = entry["counter"]
    asked = forms[counter["form"]].fields if counter.get("form") in forms else {}
    return AuthenticationKind.NUMBER_CODE in counter.get("authenticate", ()) or any(
        CODE_FOR in field for field in asked.values()
    )


def acting_schema() -> dict[str, Any]:
    """The JSON Schema of `acting:`: a form for each kind of customer."""
    forms = {kind: {"type": "string", "minLength": 1} for kind in PartyKind.values}
    return {"type": "object", "additionalProperties": False, "properties": forms}


def faults(
    content: Mapping[str, Any], entry: Mapping[str, Any], forms: Mapping[str, Any]
) -> Iterator[tuple[list[Any], str, str]]:
    """Every fault of one `counter:`: where within it, what, remedy."""
    counter = entry["counter"]
    if entry["for"] == "add":
        yield [], "A new line is taken in, not changed.", "Write for: modify or for: delete."
    form = counter.get("form")
    if form and form not in forms:
        yield ["form"], f"No form {form!r}.", "Add it to forms/."
    for number, post in enumerate(counter.get("posts", ())):
        if post not in content["posts"]:
            yield ["posts", number], f"No post {post!r}.", "Name it under posts:."
    if counter.get("authenticate"):
        limits = content.get("parameters", {}).get(AUTHENTICATION, {}).get("default")
        if not isinstance(limits, Mapping) or any(
            not isinstance(limits.get(name), int) or limits[name] < 1 for name in LIMITS
        ):
            yield (
                ["authenticate"],
                f"No parameter {AUTHENTICATION} says how often somebody may be wrong.",
                f"Add it as a table of {', '.join(LIMITS)}.",
            )
    if sends_codes(entry, forms):
        for what, remedy in codes.faults(content.get("parameters", {})):
            yield [], what, remedy


def acting_faults(
    content: Mapping[str, Any], forms: Mapping[str, Any]
) -> Iterator[tuple[list[Any], str, str]]:
    """Every fault of `acting:`: where, what, remedy. A field may not be one of a change's form."""
    changes = content["processes"].items()
    own = {key: entry.get("counter", {}).get("form", "") for key, entry in changes}
    for kind, file in content.get("acting", {}).items():
        if file not in forms:
            yield ["acting", kind], f"No form {file!r}.", "Add it to forms/."
            continue
        for key, form in own.items():
            both = set(forms[file].fields) & set(forms[form].fields) if form in forms else set()
            for name in sorted(both):
                what = f"{name} of {file} is a field of {form}, too, which {key} asks for."
                yield ["acting", kind], what, "Call one of them otherwise."


def selections(content: Mapping[str, Any]) -> Iterator[tuple[list[Any], str, str]]:
    """Papers and notices that name procedures which are not there."""
    for part in ("papers", "notices"):
        for key, entry in content.get(part, {}).items():
            for number, name in enumerate(entry.get("procedures", ())):
                if name not in content["processes"]:
                    path = [part, key, "procedures", number]
                    yield path, f"No process {name!r}.", "Name it under processes:."


def belongs(entry: Mapping[str, Any], key: str, procedure: Mapping[str, Any]) -> bool:
    """Whether a paper or notice belongs to a procedure; without a list, to those of new lines."""
    named = entry.get("procedures")
    return key in named if named else "counter" not in procedure


def only_at_the_counter(fields: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Fields of a form whose answers only a change takes."""
    yield from (name for name, field in fields.items() if field.get("writes") in ANSWERS)


def texts(content: Mapping[str, Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Texts that need an English line."""
    for key, entry in content["processes"].items():
        told = entry.get("counter", {}).get("told")
        if told:
            yield ("processes", key, "counter", "told"), told


def resolved(
    entry: Mapping[str, Any], english: Mapping[str, str], acting: Mapping[str, str]
) -> dict[str, Any]:
    """`counter:` as a procedure carries it, its texts in both languages, with who may act."""
    counter = entry.get("counter")
    if counter is None:
        return {}
    return {
        **counter,
        **({"acting": dict(acting)} if acting and counter.get("authenticate") else {}),
        "told_en": english.get(counter.get("told", ""), ""),
        "reasons": [
            {
                **group,
                "title_en": english.get(group["title"], ""),
                "reasons": [
                    {**reason, "title_en": english.get(reason["title"], "")}
                    for reason in group["reasons"]
                ],
            }
            for group in counter.get("reasons", ())
        ],
    }
