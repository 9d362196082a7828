"""`serve` with several processes: one port, the dead replaced, none left behind."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kaitong.core.database import state_url
from kaitong.core.postgres import free_port

PATH = "/static/kaitong/kaitong.css"


def children(pid: int) -> set[int]:
    return {
        int(word)
        for task in Path(f"/proc/{pid}/task").glob("*/children")
        for word in task.read_text().split()
    }


def until(true: Callable[[], bool], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def answers(port: int) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request("GET", PATH)
        answer = line.getresponse()
        return answer.status == 200 and len(answer.read()) > 1000
    except OSError:
        return False
    finally:
        line.close()


@pytest.fixture
def environment(django_db_setup: None) -> dict[str, str]:
    """Of a server on the tests' own database, which is migrated: migrating another one took longer
    than the server was given to answer, on a busy machine."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "kaitong.settings.base",
        "KAITONG_DATABASE_URL": state_url(),
    }


@pytest.fixture
def server(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "kaitong.cli", "serve", "--port", str(port), "--processes", "2"],
        env=environment,
    )
    try:
        until(lambda: process.poll() is None and answers(port), "the server does not answer")
        yield process, port
    finally:
        process.kill()
        process.wait()


def test_a_dead_process_is_replaced(server: tuple[subprocess.Popen[bytes], int]) -> None:
    process, port = server
    until(lambda: len(children(process.pid)) == 2, "there are not two processes")
    before = children(process.pid)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(children(process.pid) - before) == 2, "the dead were not replaced")
    until(lambda: answers(port), "the new ones do not answer")


def test_the_others_go_with_the_first(server: tuple[subprocess.Popen[bytes], int]) -> None:
    process, port = server
    until(lambda: len(children(process.pid)) == 2, "there are not two processes")
    process.kill()
    process.wait()
    until(lambda: not answers(port), "somebody still listens")


def test_it_ends_in_order(server: tuple[subprocess.Popen[bytes], int]) -> None:
    process, port = server
    process.terminate()
    assert process.wait(timeout=15) == 0
    assert not answers(port)


def test_a_taken_port_is_said(
    server: tuple[subprocess.Popen[bytes], int], environment: dict[str, str]
) -> None:
    _process, port = server
    second = subprocess.run(
        [sys.executable, "-m", "kaitong.cli", "serve", "--port", str(port)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in second.stderr
