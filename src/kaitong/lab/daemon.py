"""A server process of ours: detached, known by pid and start time, ended only if it is ours."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from kaitong.lab.state import write_private


def start_time(pid: int) -> str | None:
    """When a process started, in the kernel's clock ticks; None when it is gone or a zombie."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in "ZX" else after_name[19]


class Daemon:
    """One server process, remembered in a file. A pid alone could by now be somebody else's."""

    def __init__(self, record: Path) -> None:
        self.record = record

    def pid(self) -> int | None:
        """The process we started, if it still lives."""
        try:
            facts = json.loads(self.record.read_text())
            pid, started = int(facts["pid"]), str(facts["started"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return pid if start_time(pid) == started else None

    def start(self, argv: Sequence[str], output: Path) -> int:
        """Start it in a session of its own, so that it outlives the command that started it."""
        with output.open("ab") as out:
            child = subprocess.Popen(
                list(argv), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True, cwd="/", close_fds=True,
            )  # fmt: skip
        write_private(self.record, json.dumps({"pid": child.pid, "started": start_time(child.pid)}))
        return child.pid

    def stop(self, patience: float = 8.0) -> bool:
        """End it if it is ours; True when there was something to end."""
        pid = self.pid()
        if pid is None:
            self.record.unlink(missing_ok=True)
            return False
        for sign, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, patience)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                with contextlib.suppress(ChildProcessError):  # a zombie of this very process
                    os.waitpid(pid, os.WNOHANG)
                if self.pid() is None:
                    self.record.unlink(missing_ok=True)
                    return True
                time.sleep(0.02)
        return True
