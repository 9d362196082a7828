"""Orders, work, services and sheets."""

from __future__ import annotations

from kaitong.cli.grammar.words import AS_JSON, AS_USER, LIMIT, REASON, Argument, Grammar


def add(grammar: Grammar) -> None:
    _orders(grammar)
    _work(grammar)
    _services(grammar)
    grammar.group("paper").leaf(
        "print", "orders.paper_print",
        ("order", {"nargs": "?", "default": ""}), ("kind", {"nargs": "?", "default": ""}),
        ("--work", {"action": "append", "default": [], "metavar": "ITEM"}),
        ("-o --output", {"required": True, "metavar": "FILE.pdf"}),
        ("--as", {"dest": "user", "default": ""}),
    )  # fmt: skip


def _orders(grammar: Grammar) -> None:
    order = grammar.group("order")
    order.leaf(
        "submit", "orders.order_submit",
        ("file", {}), ("--as", {"dest": "user", "default": ""}),
    )  # fmt: skip
    order.leaf("show", "orders.order_show", ("id", {}), AS_JSON)
    order.leaf(
        "withdraw", "orders.order_withdraw",
        ("id", {}), AS_USER, ("--reason", {"default": "", "metavar": "CODE"}),
        ("--note", {"default": ""}), ("--key", {"default": ""}),
        ("--plan", {"action": "store_true"}), AS_JSON,
    )  # fmt: skip
    order.leaf(
        "amend", "orders.order_amend",
        ("id", {}), AS_USER, ("--set", {"action": "append", "default": [], "metavar": "F=VALUE"}),
        REASON, AS_JSON,
    )  # fmt: skip
    grammar.leaf("why", "orders.why", ("id", {"metavar": "ORDER|ITEM"}), AS_JSON)


def _work(grammar: Grammar) -> None:
    work = grammar.group("work")
    work.leaf(
        "list", "work.work_list",
        ("--order", {"default": ""}), ("--post", {"default": ""}), ("--user", {"default": ""}),
        LIMIT, AS_JSON,
    )  # fmt: skip
    work.leaf(
        "complete", "work.work_complete",
        ("id", {}), AS_USER, ("--data", {"default": ""}), ("--example", {"action": "store_true"}),
    )  # fmt: skip
    to: Argument = ("--to", {"required": True, "metavar": "USER"})
    own: dict[str, tuple[Argument, ...]] = {
        "claim": (),
        "release": (REASON,),
        "urge": (REASON,),
        "resume": (),
        "dispatch": (to, REASON),
        "help": (to, REASON),
        "transfer": (("--post", {"required": True, "metavar": "POST"}), REASON),
        "return": (
            ("--step", {"default": "", "metavar": "NODE"}),
            REASON,
            ("--plan", {"action": "store_true"}),
            ("--expect", {"default": "", "metavar": "FINGERPRINT"}),
            AS_JSON,
        ),
        "feedback": (("--text", {"required": True}),),
        "suspend": (
            ("--reason-code", {"required": True, "metavar": "CODE"}),
            ("--until", {"required": True, "metavar": "TIME"}),
            REASON,
        ),
    }
    for verb, options in own.items():
        work.leaf(verb, "work.work_verb", ("id", {}), AS_USER, *options)


def _services(grammar: Grammar) -> None:
    service = grammar.group("service")
    service.leaf(
        "show", "orders.service_show",
        ("id", {}), ("--reveal", {"action": "store_true"}),
        ("--as", {"dest": "user", "default": ""}), AS_JSON,
    )  # fmt: skip
    service.leaf("changes", "changing.service_changes", ("account", {}), AS_USER, AS_JSON)
    service.leaf(
        "change", "changing.service_change",
        ("account", {}), ("change", {}), AS_USER,
        *((f"--{name}", {"default": ""}) for name in ("reason", "note", "key")),
        *((f"--{name}", {"default": ""}) for name in ("document", "number", "old-password")),
        ("--set", {"action": "append", "default": [], "metavar": "FIELD=VALUE"}), AS_JSON,
    )  # fmt: skip
