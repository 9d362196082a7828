"""Start a server without root's rights when Kaitong itself was started by root.

PostgreSQL refuses to run as root, and no server of ours needs to. The child gets another user; when
the folders above its files are closed to others (a clone below a private folder), it also keeps the
one capability that lets it pass through them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kaitong.core.errors import KaitongError


class PrivilegeError(KaitongError):
    """A server cannot be started without root's rights here."""

    default_code = "privilege"


@dataclass(frozen=True, slots=True)
class Runner:
    """How to start a child: `prefix` goes before its arguments; `uid` and `gid` own its files.

    Both identifiers are None when we are not root: the child simply runs as we do.
    """

    prefix: tuple[str, ...]
    uid: int | None
    gid: int | None

    def command(self, argv: Sequence[str]) -> list[str]:
        return [*self.prefix, *argv]

    def own(self, path: Path) -> None:
        """Give a file or folder to the child's user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def _passable(path: Path, uid: int, gid: int) -> bool:
    """Whether a user may walk through every folder down to `path`."""
    for folder in (path, *path.parents):
        if not folder.exists():
            continue
        info = folder.stat()
        if not stat.S_ISDIR(info.st_mode):
            continue
        if info.st_uid == uid:
            bit = stat.S_IXUSR
        elif info.st_gid == gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not info.st_mode & bit:
            return False
    return True


def _holds(capability: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            return bool(int(line.split()[1], 16) >> capability & 1)
    return False


def runner(users: Sequence[str], paths: Sequence[Path]) -> Runner:
    """A runner for a child that must reach `paths`: for root, the first user there is."""
    if os.geteuid() != 0:
        return Runner((), None, None)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = next((known[name] for name in (*users, "nobody") if name in known), None)
    if entry is None:
        raise PrivilegeError(
            "There is no unprivileged user to run servers as.", "Start Kaitong as an ordinary user."
        )
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise PrivilegeError(
            "Started as root, and the program setpriv is missing.",
            "Install the Debian package util-linux, or start Kaitong as an ordinary user.",
        )
    prefix = [setpriv, f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    if not all(_passable(path, entry.pw_uid, entry.pw_gid) for path in paths):
        # 2 = CAP_DAC_READ_SEARCH passes folders and reads, 1 = CAP_DAC_OVERRIDE also writes.
        name = "dac_read_search" if _holds(2) else "dac_override" if _holds(1) else ""
        if not name:
            raise PrivilegeError(
                f"{entry.pw_name} cannot pass the folders above {paths[0]}.",
                "Set KAITONG_HOME and the code to a place that others may enter (chmod o+x).",
            )
        if not _holds(8):
            raise PrivilegeError(
                f"{entry.pw_name} cannot pass the folders above {paths[0]}, and the capability "
                "that could help (CAP_SETPCAP) is missing.",
                "Set KAITONG_HOME and the code to a place that others may enter (chmod o+x).",
            )
        # initdb asks access(2), for which the kernel would drop a non-root user's capabilities.
        prefix += [
            "--securebits=+no_setuid_fixup",
            f"--inh-caps=+{name}",
            f"--ambient-caps=+{name}",
        ]
    return Runner((*prefix, "--"), entry.pw_uid, entry.pw_gid)
