"""`./run kaitong listener ...`: who is told by the TMF hubs, and what was never taken."""

from __future__ import annotations

import argparse
import json

from kaitong.cli.asking import SYSTEM, identifier
from kaitong.tmf import listening


def listener_list(asked: argparse.Namespace) -> None:
    facts = listening.told(SYSTEM)
    if asked.json:
        print(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    for fact in facts:
        error = f"  {fact['last_error']}" if fact["last_error"] else ""
        print(
            f"{fact['id']}  {fact['api']}  {fact['callback']}  {fact['user']}"
            f"  waiting {fact['waiting']}  given up {fact['given_up']}{error}"
        )


def listener_retry(asked: argparse.Namespace) -> None:
    due = listening.retry(actor=SYSTEM, listener_id=identifier(asked.id))
    print(f"{due} due")
