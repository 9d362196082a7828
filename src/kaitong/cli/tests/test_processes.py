"""Commands on files of processes."""

import argparse
import re

import pytest

from kaitong.cli import processes
from kaitong.core.errors import BadInput, NotFound
from kaitong.core.home import library
from kaitong.process.bpmn import parse

WITHDRAW = library() / "common" / "line" / "processes" / "withdraw.bpmn"


def test_layout_gives_a_bare_file_a_diagram_and_leaves_a_drawn_one(tmp_path):
    bare = re.sub(rb"<bpmndi:.*</bpmndi:BPMNDiagram>", b"", WITHDRAW.read_bytes(), flags=re.DOTALL)
    (tmp_path / "bare.bpmn").write_bytes(bare)
    made = tmp_path / "made.bpmn"
    ask = argparse.Namespace(file=str(tmp_path / "bare.bpmn"), output=str(made))
    processes.process_layout(ask)
    done = made.read_bytes()
    assert parse(done, "made").nodes.keys() == parse(bare, "bare").nodes.keys()
    assert done.count(b"<bpmndi:BPMNShape") > 10
    processes.process_layout(argparse.Namespace(file=str(made), output=str(made)))
    assert made.read_bytes() == done


@pytest.mark.parametrize("content", [None, b"<definitions", b"no xml"])
def test_what_cannot_be_laid_out_is_told_and_nothing_written(tmp_path, content):
    if content is not None:
        (tmp_path / "bad.bpmn").write_bytes(content)
    out = tmp_path / "out.bpmn"
    with pytest.raises(BadInput) as refused:
        processes.process_layout(
            argparse.Namespace(file=str(tmp_path / "bad.bpmn"), output=str(out))
        )
    assert "bad.bpmn" in str(refused.value)
    assert not out.exists()


def test_a_handbook_of_a_named_process(tmp_path):
    out = tmp_path / "withdraw.pdf"
    ask = argparse.Namespace(playbook="home-broadband", process="withdraw", output=str(out))
    processes.process_handbook(ask)
    assert out.read_bytes().startswith(b"%PDF")
    with pytest.raises(BadInput) as refused:
        processes.process_handbook(
            argparse.Namespace(playbook="home-broadband", process="", output=str(out))
        )
    assert "withdraw" in str(refused.value)
    with pytest.raises(NotFound):
        processes.process_handbook(
            argparse.Namespace(playbook="home-broadband", process="none", output=str(out))
        )
