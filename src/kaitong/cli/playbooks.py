"""`./run kaitong playbook check|test|deploy|list`: the folders of playbooks, and what is in use."""

from __future__ import annotations

import argparse
from pathlib import Path

from django.utils.translation import gettext as _

from kaitong.cli.asking import SYSTEM, show
from kaitong.playbooks import queries, scenarios, services
from kaitong.playbooks.errors import RefusedPlaybook


def check(asked: argparse.Namespace) -> int:
    folder = services.find(asked.path)
    try:
        book = services.check(folder)
    except RefusedPlaybook as refused:
        for fault in refused.faults:
            print(fault)
        print(f"{len(refused.faults)} faults; nothing was deployed.")
        return 1
    print(f"{book.key} {book.hash[:12]}: no faults.")
    return 0


def test(asked: argparse.Namespace) -> int:
    outcomes = scenarios.run_all(services.check(services.find(asked.path)))
    for name, problem in outcomes:
        print(f"{'✗' if problem else '✓'} {name}" + (f": {problem}" if problem else ""))
    failed = sum(bool(problem) for _name, problem in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


def deploy(asked: argparse.Namespace) -> int:
    try:
        row = services.deploy(actor=SYSTEM, folder=services.find(asked.path))
    except RefusedPlaybook as refused:
        for fault in refused.faults:
            print(fault)
        return 1
    print(f"{row.playbook} {row.hash}")
    return 0


def listed(asked: argparse.Namespace) -> None:
    facts = [
        {
            "playbook": row.playbook,
            "title": row.title,
            "hash": row.hash,
            "deployed_at": row.created_at.isoformat(),
            "retired_at": row.retired_at.isoformat() if row.retired_at else None,
        }
        for row in queries.deployments()
        if not asked.path or row.playbook == Path(asked.path).name
    ]
    if asked.json:
        show(facts)
        return
    for fact in facts:
        state = _("停用") if fact["retired_at"] else _("在用")
        print(f"{fact['playbook']}  {fact['title']}  {fact['hash'][:12]}  {state}")
