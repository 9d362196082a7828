"""Real elements with their databases, in folders of their own, for the tests of a session."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from pathlib import Path

import psycopg
import pytest

from kaitong.activation.adapters.base import AccountChange, Attribute, Conversation
from kaitong.activation.adapters.radius import RadiusAdapter
from kaitong.conftest import lacking
from kaitong.lab.errors import LabMissing
from kaitong.lab.kea import KeaLab, find_program
from kaitong.lab.phone import Telephone
from kaitong.lab.radius import RadiusLab, find_programs
from kaitong.lab.session import AccessServer
from kaitong.lab.stb import SetTopBoxes
from kaitong.lab.voice import VoiceLab
from kaitong.lab.voice import find_programs as find_kamailio


@pytest.fixture(scope="session")
def running_lab():
    try:
        find_programs()
    except LabMissing as missing:
        lacking("FreeRADIUS", missing.remedy)
    home = Path(tempfile.mkdtemp(prefix="kaitong-lab-"))
    home.chmod(0o711)
    lab = RadiusLab(home)
    try:
        lab.up()
        yield lab
    finally:
        lab.down()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def lab(running_lab):
    """The lab, up; a test that breaks it finds it whole again afterwards."""
    running_lab.up()
    return running_lab


@pytest.fixture
def silent(lab):
    """Nobody is online: sessions of accounts that earlier tests' numbers were given to are over."""
    with psycopg.connect(lab.dsn(), autocommit=True) as database:
        database.execute("UPDATE radacct SET acctstoptime = now() WHERE acctstoptime IS NULL")
    return lab


@pytest.fixture
def modem(lab):
    return AccessServer(lab)


@pytest.fixture
def adapter(lab):
    settings = lab.settings()
    return RadiusAdapter(settings.connection(), settings.secrets())


@pytest.fixture
def change():
    """An account nobody else has."""
    return AccountChange(
        account=f"t{uuid.uuid4().hex[:12]}@kd",
        password="Kd-8848-right",
        plan="home-300",
        plan_attributes=(
            Attribute("WISPr-Bandwidth-Max-Down", "300000000"),
            Attribute("Framed-Protocol", "PPP"),
        ),
    )


@pytest.fixture
def provisioned(adapter, change):
    adapter.apply(change, Conversation())
    return change


@pytest.fixture
def aaa(lab):
    """The AAA database as FreeRADIUS's role, for looking."""
    with psycopg.connect(lab.dsn(), autocommit=True) as database:
        yield database


# ---- television ----


@pytest.fixture(scope="session")
def running_voice():
    try:
        find_kamailio()
    except LabMissing as missing:
        lacking("Kamailio", missing.remedy)
    home = Path(tempfile.mkdtemp(prefix="kaitong-lab-"))
    home.chmod(0o711)
    lab = VoiceLab(home)
    try:
        lab.up()
        yield lab
    finally:
        lab.down()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def voice(running_voice):
    """The voice platform, up; a test that breaks it finds it whole again afterwards."""
    running_voice.up()
    return running_voice


@pytest.fixture
def phone(voice):
    return Telephone(voice)


@pytest.fixture(scope="session")
def running_kea():
    try:
        find_program()
    except LabMissing as missing:
        lacking("Kea", missing.remedy)
    home = Path(tempfile.mkdtemp(prefix="kaitong-lab-"))
    home.chmod(0o711)
    lab = KeaLab(home)
    try:
        lab.up()
        yield lab
    finally:
        lab.down()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def kea(running_kea):
    """The lab, up; a test that breaks it finds it whole again afterwards."""
    running_kea.up()
    return running_kea


@pytest.fixture
def boxes(kea):
    """Set-top boxes nobody keeps: a test says when they renew."""
    found = SetTopBoxes(kea)
    yield found
    assert found.keeper.pid() is None
    shutil.rmtree(found.folder, ignore_errors=True)


@pytest.fixture
def rows(kea):
    """Kea's database as Kea's own role, for looking."""
    with psycopg.connect(kea.dsn(), autocommit=True) as database:
        yield database
