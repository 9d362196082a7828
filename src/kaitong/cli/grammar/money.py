"""Money, and the figures that are made of orders."""

from __future__ import annotations

from kaitong.cli.grammar.words import AS_JSON, AS_USER, BY, Argument, Grammar, whole

_DAY: Argument = ("--day", {"default": "", "metavar": "DAY"})


def add(grammar: Grammar) -> None:
    billing = grammar.group("billing")
    billing.leaf(
        "run", "money.billing_run",
        ("--month", {"default": "", "metavar": "YYYY-MM"}), BY,
        ("--batch", {"type": whole(1, 10_000), "default": 500}), AS_JSON,
    )  # fmt: skip
    billing.leaf("list", "money.billing_runs")
    billing.leaf("arrears", "money.arrears", BY, AS_JSON)
    _accounts(grammar)
    _figures(grammar)


def _accounts(grammar: Grammar) -> None:
    money = grammar.group("money")
    money.leaf("account", "money.account", ("customer", {}), AS_USER, AS_JSON)
    money.leaf(
        "pay", "money.pay",
        ("customer", {}), ("amount", {"metavar": "YUAN"}), AS_USER,
        ("--method", {"default": "cash", "choices": ["cash", "card"]}),
        ("--reference", {"default": ""}), ("--key", {"default": ""}),
    )  # fmt: skip
    money.leaf(
        "close", "money.close", AS_USER, _DAY,
        ("--counted", {"default": "", "metavar": "YUAN"}), ("--reason", {"default": ""}),
    )  # fmt: skip
    money.leaf(
        "cards", "money.cards_in",
        ("file", {}), ("--batch", {"required": True, "metavar": "NAME"}), AS_USER,
    )  # fmt: skip
    money.leaf(
        "card", "money.card",
        ("serial", {}), ("--unlock", {"action": "store_true"}),
        ("--void", {"default": "", "metavar": "REASON"}), AS_USER,
    )  # fmt: skip
    money.leaf(
        "reconcile", "money.reconcile",
        ("channel", {}), _DAY, ("--credit", {"action": "store_true"}), AS_USER,
    )  # fmt: skip
    money.leaf("check", "money.books_check", AS_JSON)


def _figures(grammar: Grammar) -> None:
    figures = grammar.group("figures")
    figures.leaf("fold", "figures.fold")
    figures.leaf("rebuild", "figures.rebuild")
    figures.leaf("check", "figures.check")
    figures.leaf(
        "report", "figures.report",
        ("file", {"metavar": "FILE.pdf|FILE.xlsx"}), AS_USER,
        ("--month", {"default": "", "metavar": "YYYY-MM"}),
        ("--week", {"default": "", "metavar": "DAY"}),
        ("--branch", {"default": "", "metavar": "CODE"}),
        ("--action", {"default": "", "metavar": "KEY"}),
        ("--plan", {"default": "", "metavar": "KEY"}),
    )  # fmt: skip
    figures.leaf("recount", "figures.recount", _DAY)
