"""`./run kaitong process ...`: files of processes, and the processes that run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault, NotFound
from kaitong.playbooks import handbook
from kaitong.playbooks import services as playbooks
from kaitong.process import layout
from kaitong.process.bpmn_xml import MalformedXml


def process_layout(asked: argparse.Namespace) -> None:
    """Give a BPMN file without a diagram one, lanes and all; one that has a diagram stays."""
    path = Path(asked.file)
    try:
        data = path.read_bytes()
    except OSError as error:
        fault = InputFault(str(path), f"{error.strerror}.", "Name a BPMN file.")
        raise BadInput([fault]) from None
    try:
        done = layout.complete(data)
    except MalformedXml as error:
        raise BadInput([InputFault(f"{path}:{error.line}", error.what, error.remedy)]) from None
    if asked.output:
        Path(asked.output).write_bytes(done)
        print(asked.output)
    else:
        sys.stdout.buffer.write(done)


def process_handbook(asked: argparse.Namespace) -> None:
    """流程说明书 of a process of a playbook's folder, as PDF."""
    book = playbooks.check(playbooks.find(asked.playbook))
    known = [*book.processes, *book.called]
    key = asked.process or (known[0] if len(known) == 1 else "")
    if not key:
        fault = InputFault("process", "There are several.", f"Name one: {', '.join(known)}.")
        raise BadInput([fault])
    if key not in known:
        raise NotFound(f"{book.key} has no process {key}.", f"Known are: {', '.join(known)}.")
    made = handbook.pdf(handbook.of_playbook(book, key), now=now())
    Path(asked.output).write_bytes(made)
    print(asked.output)
