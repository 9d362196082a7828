"""`./run kaitong listener ...`: who is told by the TMF hubs, and what was never taken."""

from __future__ import annotations

import argparse
import json

from kaitong.cli.asking import SYSTEM, identifier
from kaitong.tmf import subscribing


def listener_list(asked: argparse.Namespace) -> None:
    facts = subscribing.told(SYSTEM)
    if asked.json:
        print(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    for fact in facts:
        error = f"  {fact['last_error']}" if fact["last_error"] else ""
        if fact["suspended_at"]:
            error = f"  SUSPENDED since {fact['suspended_at']}: {fact['suspended_for']}"
        print(
            f"{fact['id']}  {fact['api']}  {fact['callback']}  {fact['user']}"
            f"  waiting {fact['waiting']}  given up {fact['given_up']}{error}"
        )


def listener_retry(asked: argparse.Namespace) -> None:
    due = subscribing.retry(actor=SYSTEM, listener_id=identifier(asked.id))
    print(f"{due} due")
