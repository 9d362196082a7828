"""The demo's branch in a small county, committed or not as the test says."""

from __future__ import annotations

import contextlib

import pytest

from kaitong.demo import setup
from kaitong.lab.tests.conftest import lab, modem, running_lab
from kaitong.playbooks import queries as playbooks
from kaitong.process import definitions
from kaitong.worktime import queries as worktime

__all__ = ["lab", "modem", "running_lab"]


@contextlib.contextmanager
def silently(_text: str):
    yield


@pytest.fixture
def branch(db):
    """Calendar, staff, playbooks and a small plant, as `./run demo` makes them."""
    keepers = (playbooks, definitions, worktime)
    for keeper in keepers:
        keeper.forget()
    yield setup.branch(silently, scale="small")
    for keeper in keepers:
        keeper.forget()
