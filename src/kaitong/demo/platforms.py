"""The demo's voice platform and DHCP server, with customers' telephones and set-top boxes: what
bundles (融合套餐) live at. Where either is missing no bundle is told of, and the demo says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kaitong.activation import services as activation
from kaitong.inventory import services as inventory
from kaitong.inventory.results import ServiceView
from kaitong.lab.errors import LabError
from kaitong.lab.kea import KeaLab
from kaitong.lab.phone import Telephone
from kaitong.lab.stb import SetTopBoxes
from kaitong.lab.voice import VoiceLab
from kaitong.org import queries as org
from kaitong.org.actor import Actor


@dataclass(slots=True)
class Platforms:
    """Both platforms, up. `started` are those that were started here."""

    telephones: Telephone
    boxes: SetTopBoxes
    started: list[Callable[[], object]] = field(default_factory=list)

    def plug(self, part: ServiceView) -> None:
        """The customer's telephone or set-top box of a bundle is there and on."""
        number = part.characteristics.get("number")
        if number:
            password = inventory.reveal_password(
                actor=Actor.system(), service_id=part.id, reason="话机设置"
            )
            self.telephones.on(str(number), password)
        elif circuit := part.characteristics.get("circuit_id"):
            self.boxes.on(str(circuit))  # and it stays on: its lease is renewed

    def down(self) -> None:
        for stop in self.started:
            stop()


def start(say: Callable[[str], None]) -> Platforms | None:
    """Start both where they are installed and tell Kaitong where they are; None without them."""
    voice, kea = VoiceLab(), KeaLab()
    started: list[Callable[[], object]] = []
    try:
        if not ((before := voice.status()) and before.running):
            started.append(voice.down)
        voice.up()
        boxes = SetTopBoxes(kea)
        if not kea.running():
            started += [boxes.down, kea.down]
        kea.up()
        boxes.keep()  # those of the last time
        register(voice, kea)
        return Platforms(Telephone(voice), boxes, started)
    except LabError as error:
        print()
        say(
            f"no voice or IPTV platform: {error} Bundles wait at 融合业务激活 until both are there."
        )
        for stop in started:
            stop()
        return None


def register(voice: VoiceLab, kea: KeaLab) -> None:
    """Tell Kaitong where both are."""
    told, served = voice.settings(), kea.settings()
    _register("voice", "voice", "固话平台 Kamailio", told.connection(), told.secrets())
    if served is not None:
        _register("iptv", "dhcp", "IPTV 地址平台 Kea", served.connection(), served.secrets())


def _register(
    key: str, kind: str, title: str, connection: Mapping[str, Any], secret: Mapping[str, str]
) -> None:
    activation.register_element(
        key=key,
        kind=kind,
        title=title,
        branch_id=org.branch_by_code("AH").id,
        connection=connection,
        secret=secret,
    )
