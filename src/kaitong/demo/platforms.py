"""The demo's voice platform and DHCP server, with customers' telephones and set-top boxes: what
bundles (融合套餐) live at. Where either is missing no bundle is told of, and the demo says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kaitong.activation import services as activation
from kaitong.activation.choices import ElementState
from kaitong.activation.queries import elements
from kaitong.inventory import services as inventory
from kaitong.inventory.results import ServiceView
from kaitong.lab.errors import LabError
from kaitong.lab.kea import KeaLab
from kaitong.lab.phone import Telephone
from kaitong.lab.stb import SetTopBoxes
from kaitong.lab.voice import VoiceLab
from kaitong.org import queries as org
from kaitong.org.actor import Actor

VOICE, TELEVISION = "voice", "iptv"  # keys of the elements


@dataclass(slots=True)
class Platforms:
    """The platforms that are up. `started` are those that were started here."""

    telephones: Telephone | None
    boxes: SetTopBoxes | None
    started: list[Callable[[], object]] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether bundles can be proven here."""
        return self.telephones is not None and self.boxes is not None

    def plug(self, part: ServiceView) -> None:
        """The customer's telephone or set-top box of a bundle is there and on."""
        number = part.characteristics.get("number")
        if number and self.telephones is not None:
            password = inventory.reveal_password(
                actor=Actor.system(), service_id=part.id, reason="话机设置"
            )
            self.telephones.on(str(number), password)
        elif (circuit := part.characteristics.get("circuit_id")) and self.boxes is not None:
            self.boxes.on(str(circuit))  # and it stays on: its lease is renewed

    def down(self) -> None:
        for stop in self.started:
            stop()


def start(say: Callable[[str], None]) -> Platforms:
    """Start what is installed of the two, and tell Kaitong of that only: what cannot run is taken
    out of service, where an earlier start has told of it, so that nothing is sent there and no
    bundle offered. What is lacking is said in one line."""
    voice, kea = VoiceLab(), KeaLab()
    found = Platforms(None, None)
    lacking: list[str] = []
    try:
        running = (before := voice.status()) is not None and before.running
        voice.up()
        if not running:
            found.started.append(voice.down)
        register_voice(voice)
        found.telephones = Telephone(voice)
    except LabError as error:
        lacking.append(f"no voice platform: {error}")
        _away(VOICE)
    try:
        running = kea.running()
        kea.up()
        boxes = SetTopBoxes(kea)
        if not running:
            found.started += [boxes.down, kea.down]
        boxes.keep()  # those of the last time
        register_television(kea)
        found.boxes = boxes
    except LabError as error:
        lacking.append(f"no IPTV platform: {error}")
        _away(TELEVISION)
    if lacking:
        print()
        say(f"{' '.join(lacking)} No bundle is offered until both are there.")
    return found


def register(voice: VoiceLab, kea: KeaLab) -> None:
    """Tell Kaitong where both are."""
    register_voice(voice)
    register_television(kea)


def register_voice(voice: VoiceLab) -> None:
    told = voice.settings()
    _register(VOICE, "voice", "固话平台 Kamailio", told.connection(), told.secrets())


def register_television(kea: KeaLab) -> None:
    served = kea.settings()
    if served is not None:
        _register(TELEVISION, "dhcp", "IPTV 地址平台 Kea", served.connection(), served.secrets())


def _away(key: str) -> None:
    if key in {one.key for one in elements(Actor.system())}:
        activation.set_element_state(key=key, state=ElementState.OUT_OF_SERVICE)


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
    activation.set_element_state(key=key, state=ElementState.IN_SERVICE)
