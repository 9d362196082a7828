"""The vocabulary of `playbook.yaml` as JSON Schema: editors complete it, nothing slips in.

Published as `library/playbook.schema.json`; a test holds the file equal to this.
"""

from __future__ import annotations

from typing import Any

from kaitong.assurance.schema import SCHEMA as FAULTS
from kaitong.catalog import leaving, names
from kaitong.core.schemas import KEY, TITLE, closed
from kaitong.documents.choices import AttachmentKind
from kaitong.fieldwork.schema import SCHEMA as ONSITE
from kaitong.hall.schema import SCHEMA as HALL
from kaitong.messaging.choices import Channel, To
from kaitong.ordering import counter_rules
from kaitong.ordering.notices import MOMENTS, STEPS
from kaitong.process.picking import PATTERN as PICK
from kaitong.surveys.schema import SCHEMA as SURVEYS

REFERENCE = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": REFERENCE, "minItems": 1}


def _by_key(value: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "propertyNames": KEY, "additionalProperties": value}


PARAMETER_KINDS = [
    "working-days",
    "working-hours",
    "elapsed",
    "calendar",
    "money",
    "count",
    "rate",
    "choice",
    "table",
]
BUDGET_KINDS = frozenset(PARAMETER_KINDS[:4])

CHARGE: dict[str, Any] = closed(
    {
        "when": {"enum": ["accepted", "completed", "monthly"]},
        "amount": {"type": "integer", "minimum": 0},
        "title": TITLE,
        "refund": {"enum": ["none", "full-until-installed", "full"]},
        "prorate": {"enum": ["daily", "none"]},
    },
    "when",
    "amount",
    "title",
)
DAY = {"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}$"}

PAPER_MOMENTS = [
    "accepted",
    "assigned",
    "reappointed",
    "withdrawn",
    "refunded",
    "paid",
]  # the shape of a sheet's data goes with it

NOTICE_MOMENTS = list(MOMENTS)
NOTICE_STEPS = list(STEPS)  # of the tasks that name the notice
_REASONS = {
    "type": "array",
    "minItems": 1,
    "items": closed(
        {
            "key": KEY,
            "title": TITLE,
            "reasons": {
                "type": "array",
                "minItems": 1,
                "items": closed({"key": KEY, "title": TITLE}, "key", "title"),
            },
        },
        "key",
        "title",
        "reasons",
    ),
}

PLAYBOOK: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Kaitong playbook (业务流程包)",
    **closed(
        {
            "format": {"const": 1},
            "key": KEY,
            "title": TITLE,
            # a folder of the library whose processes, forms and words are this playbook's too
            "stands-on": {"type": "string", "pattern": "^[a-z][a-z0-9/-]*$"},
            "sources": {"type": "array", "items": {"type": "string"}},
            "posts": _by_key(
                closed(
                    {
                        "title": TITLE,
                        "at": {"enum": ["branch", "city", "province", "partner"]},
                        "department": {"type": "string"},
                        "pick": {"type": "string", "pattern": PICK},
                        "scope": {"enum": ["branch", "department"]},
                    },
                    "title",
                    "at",
                )
            ),
            "parameters": _by_key(
                closed(
                    {
                        "kind": {"enum": PARAMETER_KINDS},
                        "default": {},
                        "unit": {"type": "string"},
                        "by": {"type": "array", "items": {"type": "string"}},
                        "from": {"type": "string"},
                        "why": {"type": "string"},
                    },
                    "kind",
                    "default",
                )
            ),
            "offerings": {
                "type": "array",
                "items": closed(
                    {
                        "key": KEY,
                        "title": TITLE,
                        "service": KEY,
                        "description": {"type": "string"},
                        "characteristics": {"type": "object"},
                        "requires": {"type": "array", "items": REFERENCE},
                        "excludes": {"type": "array", "items": REFERENCE},
                        "options": {"type": "array", "items": REFERENCE},
                        "term": {"type": "string"},
                        "charges": {"type": "array", "items": CHARGE},
                        # further services in the same order and visit (融合套餐)
                        "with": {
                            "type": "array",
                            "minItems": 1,
                            "items": closed(
                                {
                                    "key": KEY,
                                    "service": KEY,
                                    "title": TITLE,
                                    "characteristics": {"type": "object"},
                                    "charges": {"type": "array", "items": CHARGE},
                                },
                                "service",
                                "title",
                            ),
                        },
                    },
                    "key",
                    "title",
                    "service",
                ),
            },
            "cases": {
                "type": "array",
                "items": closed(
                    {
                        "key": KEY,
                        "title": TITLE,
                        "description": {"type": "string", "maxLength": 400},
                        "offerings": TEXTS,
                        "excludes": TEXTS,  # cases one customer may not have beside it
                        "term": {"type": "string"},
                        "bound-number": {"type": "boolean"},
                        "leaving": leaving.schema(),  # what leaving it within its term costs
                        "valid": closed({"from": DAY, "until": DAY}),
                        "prices": {
                            "type": "array",
                            "items": closed(
                                {
                                    "when": CHARGE["properties"]["when"],
                                    "title": TITLE,
                                    "amount": CHARGE["properties"]["amount"],
                                },
                                "when",
                                "title",
                                "amount",
                            ),
                        },
                        "charges": {"type": "array", "items": CHARGE},
                    },
                    "key",
                    "title",
                    "offerings",
                ),
            },
            "services": _by_key(
                closed(
                    {
                        "title": TITLE,
                        # what it is called where people read about it
                        "names": closed(dict.fromkeys(names.WORDS, TITLE), *names.WORDS),
                        "each": {"enum": ["order"]},
                        "needs": _by_key(
                            closed(
                                {
                                    "take": REFERENCE,
                                    "where": REFERENCE,
                                    # who picks: the system, or the customer at the counter (选号)
                                    "choose": {"enum": ["system", "customer"]},
                                    "hold": REFERENCE,
                                    "rule": REFERENCE,
                                    "quarantine": {"type": "integer", "minimum": 0},
                                }
                            )
                        ),
                        "activates": {
                            "type": "array",
                            "items": closed(
                                {
                                    "on": {"enum": ["aaa", "voice", "dhcp"]},
                                    "after": REFERENCE,
                                    "map": {"type": "object", "additionalProperties": REFERENCE},
                                },
                                "on",
                                "map",
                            ),
                        },
                        "proven-by": {
                            "type": "array",
                            "items": {"enum": ["account", "line"]},
                            "minItems": 1,
                        },
                    },
                    "title",
                    "proven-by",
                )
            ),
            "processes": _by_key(
                closed(
                    {
                        "file": REFERENCE,
                        "title": TITLE,
                        "for": {"enum": ["add", "modify", "delete"]},
                        "service": KEY,
                        "starts-clock": {"enum": ["accepted"]},
                        "budget": REFERENCE,
                        "number": REFERENCE,
                        "cancel": closed(
                            {
                                "until": TEXTS,
                                "fee": REFERENCE,
                                "approve-above": REFERENCE,
                                "reasons": _REASONS,
                                "process": REFERENCE,
                            },
                            "until",
                            "reasons",
                            "process",
                        ),
                        "counter": counter_rules.schema(_REASONS),
                    },
                    "file",
                    "title",
                    "for",
                    "service",
                    "number",
                )
            ),
            "acting": counter_rules.acting_schema(),
            "fieldwork": ONSITE,
            "faults": FAULTS,
            "hall": HALL,
            "surveys": SURVEYS,
            "called": _by_key(closed({"file": REFERENCE, "title": TITLE}, "file", "title")),
            "papers": _by_key(
                closed(
                    {
                        "file": REFERENCE,
                        "title": TITLE,
                        "form": REFERENCE,
                        "when": {"enum": PAPER_MOMENTS},
                        "number": REFERENCE,
                        "post": REFERENCE,
                        "copies": TEXTS,
                        "attachments": {
                            "type": "object",
                            "propertyNames": {"enum": AttachmentKind.values},
                            "additionalProperties": TITLE,
                        },
                        "terms": TEXTS,
                        "limits": REFERENCE,
                        "steps": TEXTS,
                        "photos": TEXTS,
                        # whose orders it belongs to; without: those of new lines
                        "procedures": {"type": "array", "items": KEY, "minItems": 1},
                    },
                    "file",
                    "title",
                    "form",
                    "when",
                    "number",
                    "post",
                    "copies",
                )
            ),
            "notices": _by_key(
                closed(
                    {
                        "title": TITLE,
                        "when": {"enum": [*NOTICE_MOMENTS, *NOTICE_STEPS]},
                        "to": {"enum": To.values},
                        "post": REFERENCE,
                        "by": {
                            "type": "array",
                            "items": {"enum": Channel.values},
                            "minItems": 1,
                            "uniqueItems": True,
                        },
                        "text": {"type": "string", "minLength": 1, "maxLength": 500},
                        "text_en": {"type": "string", "minLength": 1, "maxLength": 500},
                        "quiet": REFERENCE,
                        "procedures": {"type": "array", "items": KEY, "minItems": 1},
                    },
                    "title",
                    "when",
                    "to",
                    "by",
                    "text",
                )
            ),
            "numbers": _by_key(
                closed(
                    {
                        "pattern": REFERENCE,
                        "restart": {"enum": ["daily", "monthly", "yearly", "never"]},
                    },
                    "pattern",
                    "restart",
                )
            ),
        },
        "format",
        "key",
        "title",
        "posts",
        "services",
        "processes",
        "numbers",
    ),
}

FORM: dict[str, Any] = closed(
    {
        "$schema": {"type": "string"},
        "title": TITLE,
        "type": {"const": "object"},
        "required": {"type": "array", "items": {"type": "string"}},
        "additionalProperties": {"const": False},
        "if": {"type": "object"},
        "then": {"type": "object"},
        # several conditions, each by itself
        "allOf": {
            "type": "array",
            "minItems": 1,
            "items": closed({"if": {"type": "object"}, "then": {"type": "object"}}, "if", "then"),
        },
        "properties": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["title"],
                "properties": {
                    "title": TITLE,
                    "writes": REFERENCE,
                    "x-photo": {"enum": AttachmentKind.values},
                    "x-part": KEY,
                    counter_rules.CODE_FOR: KEY,  # a one-time code, sent to that field's number
                    "x-search": {
                        "enum": ["address", "number"]
                    },  # picked from what is found while typing
                    "x-choice": {
                        "enum": [
                            "free-port",
                            "offering",
                            "case",
                            "part-to-end",
                            "part-to-add",
                            "fault-cause",
                            "survey-reason",
                        ]
                    },
                },
            },
        },
        "ui": closed(
            {
                "order": {"type": "array", "items": {"type": "string"}},
                "labels": {"type": "object"},
                "widgets": {
                    "type": "object",
                    "additionalProperties": {
                        "enum": ["segment", "select", "textarea", "check", "password"]
                    },
                },
                "groups": {"type": "object", "additionalProperties": TITLE},
                "units": {"type": "object", "additionalProperties": {"type": "string"}},
                "help": {"type": "object", "additionalProperties": {"type": "string"}},
                # fields only some see: a post's key
                "only": {"type": "object", "additionalProperties": KEY},
                # fields only asked when other fields have these values
                "when": {"type": "object", "additionalProperties": {"type": "object"}},
                "verb": {"enum": ["办结", "回单", "派单", "同意"]},
            }
        ),
        "examples": {"type": "array", "minItems": 1, "items": {"type": "object"}},
    },
    "title",
    "type",
    "properties",
    "additionalProperties",
    "examples",
)
