"""`./run lint`: everything that judges the code without running it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kaitong.core.home import REPOSITORY

STRICT = ["src/kaitong/core", "src/kaitong/worktime", "src/kaitong/process"]
VERBS = ["services.py", "queries.py"]


def main() -> int:
    binary = Path(sys.executable).parent
    typed = STRICT + [
        str(path.relative_to(REPOSITORY))
        for name in VERBS
        for path in sorted((REPOSITORY / "src" / "kaitong").glob(f"*/{name}"))
        if not any(str(path.relative_to(REPOSITORY)).startswith(folder) for folder in STRICT)
    ]
    commands = [
        [binary / "ruff", "check", "src", "tests", "run"],
        [binary / "ruff", "format", "--check", "src", "tests", "run"],
        [binary / "lint-imports"],
        [binary / "mypy", *typed],
    ]
    failed = []
    for command in commands:
        name = Path(str(command[0])).name
        print(f"· {name}", flush=True)
        if subprocess.run([str(part) for part in command], cwd=REPOSITORY, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"kaitong: {', '.join(failed)} found faults.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
