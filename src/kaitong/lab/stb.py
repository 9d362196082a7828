"""Set-top boxes of customers: each takes an address by DHCP on its line, and keeps it.

A box is a file in `KAITONG_HOME/lab/iptv/boxes`; one process, the keeper, renews what they hold
when it is time, as each box would. One that is told no at a renewal (NAK) drops its address at once
and asks again every few seconds, as boxes do.

    python -m kaitong.lab.stb FOLDER      the keeper, started by `on`
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kaitong.activation.adapters.dhcpwire import Answer, DhcpClient, mac_bytes, mac_of, mac_text
from kaitong.activation.errors import Unreachable
from kaitong.lab.daemon import Daemon
from kaitong.lab.errors import LabError
from kaitong.lab.kea import KeaLab
from kaitong.lab.state import locked, write_private

_ASK_AGAIN = 5.0  # seconds between two questions of a box that has no address
_LOOK = 0.5  # seconds between two looks of the keeper


@dataclass(frozen=True, slots=True)
class Box:
    """One set-top box. `state`: online, refused (the server said no), silent (it said nothing)."""

    circuit: str
    mac: str
    state: str = "refused"
    address: str = ""
    server: str = ""
    since: float = 0.0  # when it got this address
    renew_at: float = 0.0
    expires_at: float = 0.0

    @property
    def online(self) -> bool:
        return self.state == "online"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"online": self.online}


class SetTopBoxes:
    """The boxes of this lab. Two commands for one box happen one after the other."""

    def __init__(self, lab: KeaLab | None = None) -> None:
        self.lab = lab or KeaLab()
        self.folder = self.lab.folder / "boxes"
        self.keeper = Daemon(self.folder / "process.json")

    # ---- what people do --------------------------------------------------------------------------

    def on(self, circuit: str, mac: str = "", *, keep: bool = True) -> Box:
        """Plug a box in and switch it on: it asks for an address. With `keep` the keeper renews it
        from then on, also after this command has ended."""
        hardware = mac_bytes(mac) if mac else mac_of(circuit)
        if hardware is None:
            raise LabError(f"{mac!r} is not a hardware address.", "Such as 02:11:22:33:44:55.")
        with self._locked():
            box = ask(self.lab.client(), Box(circuit, mac_text(hardware)))
            self._save(box)
        if keep:
            self.keep()
        return box

    def off(self, circuit: str) -> bool:
        """Switch it off: it gives its address back. False when it was not on."""
        with self._locked():
            box = self._load(self._path(circuit))
            if box is None:
                return False
            hardware = mac_bytes(box.mac)
            if box.address and hardware is not None:
                self.lab.client().release(
                    box.circuit.encode(), hardware, box.address, box.server or self._server()
                )
            self._path(circuit).unlink(missing_ok=True)
            return True

    def renew(self, circuit: str) -> Box:
        """The time of its next question is now."""
        with self._locked():
            box = self._load(self._path(circuit))
            if box is None:
                raise LabError(f"No set-top box is on at {circuit}.", "./run lab stb on ACCOUNT")
            box = ask(self.lab.client(), box)
            self._save(box)
            return box

    def boxes(self) -> list[Box]:
        """Those that are on."""
        found = [self._load(path) for path in sorted(self.folder.glob("*.box"))]
        return [box for box in found if box is not None]

    def box(self, circuit: str) -> Box | None:
        return self._load(self._path(circuit))

    def keep(self) -> None:
        """The keeper runs, if there is a box."""
        with self._locked():
            if self.keeper.pid() is None and any(self.folder.glob("*.box")):
                self.keeper.start(
                    [sys.executable, "-m", "kaitong.lab.stb", str(self.lab.home)],
                    self.folder / "output.log",
                )

    def down(self) -> bool:
        """End the keeper; the boxes stay as they are and are kept again by `keep`."""
        return self.keeper.stop()

    # ---- the keeper ------------------------------------------------------------------------------

    def tend(self) -> None:
        """One look at all boxes: those whose time it is ask."""
        for path in sorted(self.folder.glob("*.box")):
            box = self._load(path)
            if box is None or box.renew_at > time.time():
                continue
            with self._locked():
                box = self._load(path)  # it may have been switched off meanwhile
                if box is not None:
                    self._save(ask(self.lab.client(), box))

    # ---- inside ----------------------------------------------------------------------------------

    def _locked(self) -> Any:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        return locked(self.folder)

    def _server(self) -> str:
        settings = self.lab.settings()
        return settings.host if settings else ""

    def _path(self, circuit: str) -> Path:
        return self.folder / f"{hashlib.sha256(circuit.encode()).hexdigest()[:16]}.box"

    def _save(self, box: Box) -> None:
        write_private(self._path(box.circuit), json.dumps(asdict(box), ensure_ascii=False) + "\n")

    @staticmethod
    def _load(path: Path) -> Box | None:
        try:
            return Box(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None


def ask(client: DhcpClient, box: Box) -> Box:
    """What a box does when it is time: renew what it holds, else ask for an address."""
    circuit, hardware, at = box.circuit.encode(), mac_bytes(box.mac), time.time()
    assert hardware is not None
    try:
        if box.address and at < box.expires_at:
            answer = client.renew(circuit, hardware, box.address)
        else:
            answer = client.take(circuit, hardware)
    except Unreachable:
        if box.address and at < box.expires_at:  # what it holds is good until it runs out
            return replace(box, renew_at=at + _ASK_AGAIN)
        return replace(box, state="silent", address="", renew_at=at + _ASK_AGAIN)
    if answer is None:
        return replace(box, state="refused", address="", renew_at=at + _ASK_AGAIN)
    return _holding(box, answer, at)


def _holding(box: Box, answer: Answer, at: float) -> Box:
    lasts = answer.lease_seconds or 60
    return replace(
        box,
        state="online",
        address=answer.address,
        server=answer.server,
        since=box.since if box.address == answer.address and box.online else at,
        renew_at=at + (answer.renew_after or lasts / 2),
        expires_at=at + lasts,
    )


def main() -> int:
    boxes = SetTopBoxes(KeaLab(Path(sys.argv[1])))
    while True:
        boxes.tend()
        time.sleep(_LOOK)


if __name__ == "__main__":
    sys.exit(main())
