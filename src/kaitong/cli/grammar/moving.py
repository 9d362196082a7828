"""What comes in by files and what goes out, backups included."""

from __future__ import annotations

from kaitong.cli.grammar.words import AS_JSON, BY, Argument, Grammar

_BRANCH: Argument = ("--branch", {"default": "", "metavar": "CODE"})
_SEALED: Argument = ("--passphrase-file", {"default": "", "metavar": "FILE"})


def add(grammar: Grammar) -> None:
    bring = grammar.group("import")
    for name in ("addresses", "plant", "terminals", "regions", "grids", "roster"):
        bring.leaf(
            name, "transfers.bring_in",
            ("file", {"nargs": "?", "default": ""}), BY, _BRANCH,
            ("--sheet", {"default": "", "metavar": "NAME"}),
            ("--skip-bad", {"action": "store_true"}), ("--dry-run", {"action": "store_true"}),
            ("--faults", {"default": "", "metavar": "FILE.csv"}),
            ("--refused", {"default": "", "metavar": "FILE"}),
            ("--template", {"default": "", "metavar": "FILE.xlsx"}), AS_JSON,
        )  # fmt: skip
    out, clear = grammar.group("export"), ("--reveal", {"default": "", "metavar": "WHY"})
    out.leaf(
        "orders", "transfers.export_orders",
        ("file", {"metavar": "FILE.xlsx"}), BY, _BRANCH,
        ("--state", {"default": ""}), ("--from", {"dest": "since", "default": ""}),
        ("--to", {"dest": "until", "default": ""}), clear,
    )  # fmt: skip
    out.leaf(
        "work", "transfers.export_work",
        ("file", {"metavar": "FILE.xlsx"}), BY,
        ("--tab", {"default": "open", "choices": ["open", "todo", "mine", "suspended", "done"]}),
        ("--post", {"default": ""}), ("--overdue", {"action": "store_true"}),
        ("--team", {"action": "store_true"}), clear,
    )  # fmt: skip
    grammar.leaf(
        "backup", "backups.backup",
        ("file", {"metavar": "FILE.zip"}), ("--with-keys", {"action": "store_true"}), _SEALED,
    )  # fmt: skip
    grammar.leaf(
        "restore", "backups.restore",
        ("file", {"metavar": "FILE.zip"}), ("--replace", {"action": "store_true"}), _SEALED,
    )  # fmt: skip
    grammar.leaf(
        "migrate", "backups.migrate",
        ("--continue", {"dest": "go_on", "action": "store_true"}),
    )  # fmt: skip
