"""The access server of sessions that radclient made: it can be asked to end and to change them.

Its sessions are those the AAA server's accounting shows open, since nothing else remembers them.
Ended, it reports their Accounting-Stop as any access server does; what a session was changed to it
reports as an interim record and keeps in a file beside it.

    KAITONG_HOME/lab/radius/nas/process.json   the process
    KAITONG_HOME/lab/radius/nas/changes.json   session -> attributes it was given
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from kaitong.lab.dynauth import NO_SESSION, Listener
from kaitong.lab.errors import LabError
from kaitong.lab.radius import RadiusLab
from kaitong.lab.session import AccessServer
from kaitong.lab.state import RadiusSettings, write_private

_RESOURCES = 506  # Resources-Unavailable


class ReportedSessions:
    """Sessions of which only the reports exist. The AAA server is looked for anew each time: it
    may have been started again on other ports."""

    def __init__(self, home: Path, changes: Path) -> None:
        self._home, self._changes = home, changes
        self._lock = threading.Lock()

    def _server(self) -> AccessServer:
        return AccessServer(RadiusLab(self._home))

    def disconnect(self, named: Mapping[str, str]) -> int:
        try:
            result = self._server().stop(
                named.get("User-Name", ""),
                session_id=named.get("Acct-Session-Id", ""),
                cause="Admin-Reset",
            )
        except LabError:
            return _RESOURCES
        if result.ok:
            return 0
        return _RESOURCES if result.nas_port_id else NO_SESSION

    def change(self, named: Mapping[str, str], attributes: Mapping[str, str]) -> int:
        try:
            sessions = self._server().open_sessions(
                named.get("User-Name", ""), named.get("Acct-Session-Id", "")
            )
        except LabError:
            return _RESOURCES
        if not sessions:
            return NO_SESSION
        with self._lock:
            held = self.changed()
            held |= {session: dict(attributes) for session in sessions}
            write_private(self._changes, json.dumps(held, indent=1))
        return 0

    def changed(self) -> dict[str, dict[str, str]]:
        """What sessions were given while they stood."""
        try:
            return dict(json.loads(self._changes.read_text()))
        except FileNotFoundError:
            return {}


def main() -> int:
    """Serve for the lab in the folder that is named, until ended."""
    lab = RadiusLab(Path(sys.argv[1]))
    settings = RadiusSettings.load(lab.home)  # whoever starts this holds the lab's lock
    if settings is None:
        return 1
    sessions = ReportedSessions(lab.home, lab.nas_folder / "changes.json")
    for _ in range(100):
        try:
            listener = Listener(settings.host, settings.dynauth_port, settings.secret, sessions)
        except OSError:  # whoever waits for us tries the port too
            time.sleep(0.05)
        else:
            listener.run()
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
