"""The demo's bundles, at a real AAA server, registrar and DHCP server."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from kaitong.activation.models import NetworkElement
from kaitong.conftest import lacking
from kaitong.core.clock import now
from kaitong.demo import network, people, platforms, story
from kaitong.demo.acts import SYSTEM, Stage
from kaitong.demo.past import Past
from kaitong.demo.spots import Spots
from kaitong.inventory.models import Service
from kaitong.lab.errors import LabMissing
from kaitong.lab.phone import Telephone
from kaitong.lab.session import AccessServer
from kaitong.lab.stb import SetTopBoxes
from kaitong.lab.tests.conftest import kea, running_kea
from kaitong.lab.voice import VoiceLab
from kaitong.ordering import queries as orders
from kaitong.worktime import queries as worktime

__all__ = ["kea", "running_kea"]


@pytest.fixture
def registrar():
    home = Path(tempfile.mkdtemp(prefix="kaitong-voice-"))
    home.chmod(0o711)
    lab = VoiceLab(home)
    try:
        try:
            lab.up()
        except LabMissing as missing:
            lacking("Kamailio", missing.remedy)
        yield lab
    finally:
        lab.down()
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.radius
@pytest.mark.voice
@pytest.mark.django_db(transaction=True)
def test_two_bundles_work_one_is_being_installed_one_is_to_be_visited(branch, lab, registrar, kea):
    network.register(lab)
    platforms.register(registrar, kea)
    there = platforms.Platforms(Telephone(registrar), SetTopBoxes(kea))
    stage = Stage(Past(worktime.calendar("cn"), now()), AccessServer(lab), there)
    try:
        story.play(stage, story.bundles(stage, Spots.of("small", people.COUNTY)))
    finally:
        there.boxes.down()
    states = sorted(order.state for order in orders.orders(SYSTEM, limit=None)[0])
    assert states == ["completed", "completed", "inProgress", "inProgress"]
    working = Service.objects.filter(state="active").exclude(lead=None)
    assert sorted(working.values_list("specification", flat=True)) == ["iptv"] * 2 + ["voice"] * 2


@pytest.mark.django_db(transaction=True)
def test_without_platforms_no_bundle_is_told_of(branch):
    stage = Stage(Past(worktime.calendar("cn"), now()), None)
    assert story.bundles(stage, Spots.of("small", people.COUNTY)) == []


@pytest.mark.django_db
def test_what_cannot_run_is_not_told_of_and_one_line_says_so(branch, monkeypatch):
    found = shutil.which

    def which(name, *more, **given):
        return None if name in ("kamailio", "kea-dhcp4") else found(name, *more, **given)

    monkeypatch.setattr(shutil, "which", which)
    said: list[str] = []
    there = platforms.start(said.append)
    assert not there.complete
    assert len(said) == 1
    assert "no voice platform" in said[0]
    assert "no IPTV platform" in said[0]
    assert NetworkElement.objects.filter(kind__in=["voice", "dhcp"]).count() == 0
    for key, kind in (("voice", "voice"), ("iptv", "dhcp")):  # an earlier start told of them
        NetworkElement.objects.create(key=key, kind=kind, title=key, branch=branch)
    platforms.start(said.append)
    states = NetworkElement.objects.filter(key__in=["voice", "iptv"]).values_list(
        "state", flat=True
    )
    assert set(states) == {"out-of-service"}
