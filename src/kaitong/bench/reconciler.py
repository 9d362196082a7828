"""A worker process of the `broadband` benchmark: compares the AAA server with the services (对账).

One process that does nothing else, so that what it takes is the comparison's: prints seconds, CPU,
how many were compared and differ, and by how much its memory grew at most.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path


def main() -> int:
    import django

    django.setup()
    from django.db import connection

    from kaitong.activation import reconciling
    from kaitong.activation.choices import ElementKind
    from kaitong.activation.queries import elements_in_service

    (element,) = elements_in_service(ElementKind.AAA)
    connection.ensure_connection()
    before = _reset_peak()
    begun, cpu = time.monotonic(), time.process_time()
    run = reconciling.reconcile(element)
    print(
        json.dumps(
            {
                "seconds": time.monotonic() - begun,
                "cpu": time.process_time() - cpu,
                "compared": run.compared,
                "found": run.found,
                "grown_mb": (_peak() - before) / 1024,
                "pid": os.getpid(),
            }
        ),
        flush=True,
    )
    return 0


def _reset_peak() -> int:
    """Forget the highest resident size until now; what is resident, in kB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _size("VmRSS")


def _peak() -> int:
    return _size("VmHWM")


def _size(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


if __name__ == "__main__":
    sys.exit(main())
