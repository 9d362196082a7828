"""Every command answers what cannot be in lines that say what was wrong, in either language; those
of devices, listeners, keys and what is veiled do what they say."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.utils import translation

from kaitong.cli import grammar
from kaitong.cli.__main__ import main
from kaitong.core import crypto
from kaitong.core.clock import now
from kaitong.core.models import AuditEntry
from kaitong.org.models import Device
from kaitong.tmf.models import Delivery, Listener
from kaitong.web.tests.conftest import nothing_kept, world

__all__ = ["nothing_kept", "world"]
pytestmark = pytest.mark.django_db
# what runs on, looks after the schema or keys, or is tried with files by tests of its own
APART = ("serve", "worker", "migrate", "backup", "restore", "setup", "keys")
CJK = re.compile("[\u4e00-\u9fff]")
NAMED = {"--as": "boss", "--to": "boss", "user": "boss", "--branch": "XN", "id": str(uuid4())}


def leaves(
    parser: argparse.ArgumentParser, known: dict[str, str], words: tuple[str, ...] = ()
) -> Iterator[list[str]]:
    """Each command with arguments of the right form: what is `known`, and names of nothing."""
    if parser.get_default("handler") and words[0] not in APART:
        yield [*words, *(word for action in parser._actions for word in _said(action, known))]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield from leaves(below, known, (*words, word))


def _said(action: argparse.Action, known: dict[str, str]) -> list[str]:
    wanted = not action.option_strings or action.required
    if not wanted or isinstance(action, argparse._SubParsersAction):
        return []
    name = (action.option_strings or [action.dest])[0]
    value = next(iter(action.choices)) if action.choices else known.get(name, "nowhere/none")
    return [*action.option_strings[:1], value]


@pytest.fixture
def run(capsys, monkeypatch):
    """(code, what was said, what was refused) of a command in a language."""

    def call(*words, language="en"):
        monkeypatch.setenv("KAITONG_LANGUAGE", language)
        with translation.override(language):
            code = main(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.mark.parametrize(("language", "known"), [("zh-hans", {}), ("en", NAMED)])
def test_what_cannot_be_is_refused_in_lines_that_say_so(run, county, staff_of, language, known):
    staff_of(county, "boss", "supervisor")
    wrong = []
    for words in leaves(grammar.parser(), known):
        code, _out, err = run(*words, language=language)
        lines = [line for line in err.splitlines() if line.strip()]
        clear = bool(lines) == bool(code) and all(line.startswith("kaitong: ") for line in lines)
        lost = "database is empty" in err or (language == "en" and CJK.search(err))
        if code not in (0, 1) or not clear or lost:
            wrong.append((words, code, err))
    assert wrong == []


def test_a_device_is_added_paired_anew_and_revoked(run, world):
    code, said, _err = run("device", "add", "入口平板", "--branch", world.branch.code)
    assert code == 0
    device = Device.objects.get()
    first = re.search(r"[a-z0-9]{5}-[a-z0-9]{5}", said)[0]
    assert str(device.pk) in said
    _code, said, _err = run("device", "code", str(device.pk))
    assert re.search(r"[a-z0-9]{5}-[a-z0-9]{5}", said)[0] != first
    assert "入口平板" in run("device", "list")[1]
    (row,) = json.loads(run("device", "list", "--json")[1])
    assert (row["id"], row["paired_at"], row["revoked_at"]) == (str(device.pk), None, None)
    assert run("device", "add", " ", "--branch", world.branch.code)[0] == 1
    assert run("device", "code", str(uuid4()))[0] == 1
    assert run("device", "revoke", str(device.pk))[0] == 0
    assert run("device", "revoke", str(device.pk))[0] == 0  # once more is once
    assert "revoked" in run("device", "list")[1]
    code, _said, err = run("device", "code", str(device.pk))
    assert (code, err) == (1, "kaitong: This device is out of use. Add another device.\n")


def test_listeners_are_listed_and_retried(run, county, staff_of):
    actor = staff_of(county, "li.clerk", "clerk")
    listener = Listener.objects.create(
        staff_id=actor.id, callback="https://crm.example/in", secret="s", after=0, since=0,
        suspended_at=now(), suspended_for="HTTP 500",
    )  # fmt: skip
    Delivery.objects.create(
        listener=listener, number=1, subject_id=uuid4(), event="ServiceOrderCreateEvent",
        state="acknowledged", happened_at=now(), next_at=now(), given_up_at=now(),
        last_error="HTTP 500", tries=14,
    )  # fmt: skip
    said = run("listener", "list")[1]
    assert "https://crm.example/in  li.clerk  waiting 0  given up 1  SUSPENDED since" in said
    (row,) = json.loads(run("listener", "list", "--json")[1])
    assert row["suspended_for"] == "HTTP 500"
    assert run("listener", "retry", str(uuid4()))[0] == 1
    assert run("listener", "retry", str(listener.pk))[:2] == (0, "1 due\n")
    (row,) = json.loads(run("listener", "list", "--json")[1])
    assert (row["suspended_at"], row["waiting"], row["given_up"]) == (None, 1, 0)


def test_what_earlier_versions_kept_is_veiled_once(run):
    AuditEntry.objects.create(kind="x", subject_type="x", data={"account": "13955900001"})
    assert run("veil")[1].splitlines()[-1] == "1 rows veiled"
    assert AuditEntry.objects.get().data == {"account": "139****0001"}
    assert run("veil")[1].splitlines()[-1] == "0 rows veiled"


def test_a_key_is_made_and_listed(run, tmp_path, monkeypatch):
    monkeypatch.setenv("KAITONG_HOME", str(tmp_path))
    crypto.forget_cached_keys()
    assert json.loads(run("keys", "list", "--json")[1]) == {"versions": [1], "current": 1}
    code, said, _err = run("keys", "rotate")
    assert code == 0
    assert str(tmp_path / "keys") in said
    assert run("keys", "list")[1] == "v1\nv2  current\n"
    assert AuditEntry.objects.get(kind="key-rotated").data == {"version": 2}
    crypto.forget_cached_keys()
