"""Playbooks, processes, and what got stuck on its way: notices, network, incidents."""

from __future__ import annotations

from kaitong.cli.grammar.words import AS_JSON, AS_USER, BY, LIMIT, REASON, Grammar

PURE = "bpmn.process_check"  # wants neither database nor settings
_STATES = ["queued", "sending", "sent", "failed", "skipped"]  # of a notice


def add(grammar: Grammar) -> None:
    _playbooks(grammar)
    _processes(grammar)
    grammar.leaf(
        "reconcile", "network.reconcile",
        ("--list", {"action": "store_true"}), ("--resend", {"default": "", "metavar": "ID"}),
        ("--remove", {"default": "", "metavar": "ID"}),
        ("--sure", {"default": "", "metavar": "FINGERPRINT"}), BY, AS_JSON,
    )  # fmt: skip
    grammar.leaf(
        "carry", "network.carry",
        ("element", {"metavar": "KEY"}), ("--plan", {"action": "store_true"}),
        ("--batch", {"type": int, "default": 100}), BY, AS_JSON,
    )  # fmt: skip
    notices = grammar.group("notices")
    notices.leaf(
        "list", "notices.listed",
        ("--order", {"default": ""}), ("--state", {"default": "", "choices": _STATES}),
        LIMIT, AS_JSON,
    )  # fmt: skip
    notices.leaf("retry", "notices.retry", ("id", {}), AS_USER)
    _incidents(grammar)


def _playbooks(grammar: Grammar) -> None:
    playbook = grammar.group("playbook")
    for name in ("check", "test", "deploy"):
        playbook.leaf(name, f"playbooks.{name}", ("path", {}))
    playbook.leaf(
        "manual", "processes.playbook_manual",
        ("playbook", {}), ("-o", {"dest": "output", "required": True, "metavar": "FILE.md"}),
    )  # fmt: skip
    playbook.leaf("list", "playbooks.listed", ("path", {"nargs": "?"}), AS_JSON)


def _processes(grammar: Grammar) -> None:
    process = grammar.group("process")
    process.leaf("check", PURE, ("file", {"nargs": "+", "metavar": "FILE.bpmn"}), AS_JSON)
    process.leaf(
        "signal", "signals.process_signal",
        ("name", {}), ("--branch", {"required": True, "metavar": "CODE"}),
        ("--id", {"required": True, "metavar": "SENDER-ID"}), AS_USER,
        ("--data", {"default": "", "metavar": "JSON"}),
    )  # fmt: skip
    process.leaf("starts", "signals.process_starts", AS_JSON)
    process.leaf(
        "layout", "processes.process_layout",
        ("file", {"metavar": "FILE.bpmn"}),
        ("-o", {"dest": "output", "default": "", "metavar": "OUT.bpmn"}),
    )  # fmt: skip
    process.leaf(
        "handbook", "processes.process_handbook",
        ("playbook", {}), ("process", {"nargs": "?", "default": ""}),
        ("-o", {"dest": "output", "required": True, "metavar": "FILE.pdf"}),
    )  # fmt: skip
    process.leaf(
        "migrate", "processes.process_migrate",
        ("playbook", {}), AS_USER, ("--process", {"default": ""}),
        ("--order", {"action": "append", "default": [], "metavar": "NUMBER"}),
        ("--map", {"action": "append", "default": [], "metavar": "OLD=NEW"}),
        ("--apply", {"action": "store_true"}), ("--reason", {"default": ""}), AS_JSON,
    )  # fmt: skip


def _incidents(grammar: Grammar) -> None:
    incident = grammar.group("incident")
    incident.leaf("list", "incidents.listed", AS_JSON)
    for verb in ("retry", "claim", "release", "agree"):
        incident.leaf(verb, f"incidents.{verb}", ("id", {}), AS_USER)
    incident.leaf("note", "incidents.note", ("id", {}), AS_USER, ("--text", {"required": True}))
    incident.leaf("decline", "incidents.decline", ("id", {}), AS_USER, REASON)
    incident.leaf(
        "by-hand", "incidents.by_hand",
        ("id", {}), AS_USER, ("--evidence", {"required": True, "metavar": "TEXT"}),
        ("--file", {"action": "append", "default": [], "metavar": "FILE"}),
    )  # fmt: skip
