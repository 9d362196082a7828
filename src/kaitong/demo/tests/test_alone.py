"""One demo a state folder, and what a killed one leaves to the next."""

from __future__ import annotations

import socket

import pytest

from kaitong.core.errors import KaitongError
from kaitong.demo.__main__ import alone, require_port


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KAITONG_HOME", str(tmp_path))
    return tmp_path


def test_a_second_demo_of_a_folder_is_refused_and_told_where_the_first_is():
    with alone(8123), pytest.raises(KaitongError, match="8123"), alone(8124):
        pytest.fail("two demos in one folder")


def test_only_the_follower_of_a_killed_demo_inherits_what_it_started(folder):
    with alone(8123) as inherits:
        assert not inherits
    with alone(8123) as inherits:
        assert not inherits
    (folder / "demo.lock").write_text("8123")
    with alone(8124) as inherits:
        assert inherits


def test_a_taken_port_is_told_with_the_way_out():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(KaitongError, match=f"{port} is taken.*--port"):
            require_port(port, seconds=0)
    require_port(port, seconds=0)
