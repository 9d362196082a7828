"""`./run kaitong process check`: a verdict on files, without a database."""

from __future__ import annotations

import json

import pytest

from kaitong.cli.__main__ import main
from kaitong.core import database
from kaitong.process.tests.shell_kit import INSTALLATION, drawing


@pytest.fixture(autouse=True)
def no_database(monkeypatch):
    def asked():
        raise AssertionError("the database was asked")

    monkeypatch.setattr(database, "connect", asked)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.bpmn"
    path.write_bytes(drawing(INSTALLATION))
    return path


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.bpmn"
    text = drawing(INSTALLATION).decode().replace("userTask", "task")
    path.write_text(text.replace('isExecutable="true"', ""))
    return path


def test_an_executable_file(good, capsys):
    assert main(["process", "check", str(good)]) == 0
    told = capsys.readouterr().out
    assert f"{good}: executable: kit (测试流程)" in told
    assert "3 user" in told


def test_every_reason_with_line_and_remedy(bad, good, capsys):
    assert main(["process", "check", str(good), str(bad)]) == 1
    told = capsys.readouterr().out
    assert f"{bad}: not executable, " in told
    assert "task Check: Kaitong does not execute task. Say what does it" in told
    assert 'process kit: The process is not executable. Set isExecutable="true" on it.' in told


def test_as_json(bad, capsys):
    assert main(["process", "check", str(bad), "--json"]) == 1
    (verdict,) = json.loads(capsys.readouterr().out)
    assert verdict["executable"] is False
    assert {"line", "element", "what", "remedy"} == set(verdict["faults"][0])


def test_no_file_and_no_bpmn(tmp_path, capsys):
    assert main(["process", "check", str(tmp_path / "none.bpmn")]) == 1
    assert "none.bpmn" in capsys.readouterr().err
    path = tmp_path / "other.bpmn"
    path.write_text("<html/>")
    assert main(["process", "check", str(path)]) == 1
    assert "This is no BPMN 2.0 file" in capsys.readouterr().out
