"""The organisation, its people, and what keeps the system running."""

from __future__ import annotations

from kaitong.cli.grammar.words import AS_JSON, Grammar, whole


def add(grammar: Grammar) -> None:
    grammar.leaf("token", "upkeep.token", ("user", {}))
    grammar.leaf(
        "setup", "organisation.setup",
        ("--branch", {"default": "", "metavar": "CODE"}), ("--name", {"default": ""}),
        ("--kind", {"default": "county", "choices": ["province", "city", "county"]}),
        ("--above", {"action": "append", "default": [], "metavar": "CODE:NAME:KIND"}),
        ("--supervisor", {"default": "", "metavar": "USER"}),
        ("--supervisor-name", {"default": ""}),
        ("--playbook", {"action": "append", "default": [], "metavar": "NAME"}), AS_JSON,
    )  # fmt: skip
    staff = grammar.group("staff")
    staff.leaf(
        "add", "organisation.staff_add",
        ("user", {}), ("--name", {"required": True}),
        ("--branch", {"required": True, "metavar": "CODE"}),
        ("--post", {"action": "append", "required": True, "metavar": "KEY"}),
        ("--department", {"default": ""}), ("--admin", {"action": "store_true"}), AS_JSON,
    )  # fmt: skip
    staff.leaf("password", "organisation.staff_password", ("user", {}))
    staff.leaf("list", "organisation.staff_list", AS_JSON)
    device = grammar.group("device")
    device.leaf(
        "add", "devices.device_add",
        ("title", {}), ("--branch", {"required": True, "metavar": "CODE"}),
    )  # fmt: skip
    device.leaf("code", "devices.device_code", ("id", {}))
    device.leaf("revoke", "devices.device_revoke", ("id", {}))
    device.leaf("list", "devices.device_list", AS_JSON)
    grammar.leaf("check", "upkeep.check", ("--mend", {"action": "store_true"}))
    listener = grammar.group("listener")
    listener.leaf("list", "listeners.listener_list", AS_JSON)
    listener.leaf("retry", "listeners.listener_retry", ("id", {}))
    grammar.leaf("veil", "upkeep.veil")
    keys = grammar.group("keys")
    keys.leaf("rotate", "upkeep.keys_rotate")
    keys.leaf("list", "upkeep.keys_list", AS_JSON)
    grammar.leaf("worker", "upkeep.worker")
    grammar.leaf(
        "serve", "upkeep.serve",
        ("--port", {"type": whole(1, 65535), "default": 8000}),
        ("--host", {"default": "127.0.0.1"}),
        ("--processes", {"type": whole(1, 64), "help": "default: two a processor, at most 8"}),
    )  # fmt: skip
