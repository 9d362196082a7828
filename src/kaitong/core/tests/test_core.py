"""Identifiers, encryption, masking, audit context."""

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from uuid import UUID

import pytest

from kaitong.core import crypto, ids, masking
from kaitong.core.clock import frozen, now, read_local
from kaitong.core.ids import time_of, uuid7, uuid7_at


def test_identifiers_are_ordered_and_unique_across_threads():
    made: list[UUID] = []

    def work():
        mine = [uuid7() for _ in range(5000)]
        assert mine == sorted(mine)
        made.extend(mine)

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(set(made)) == 20000
    assert all(i.version == 7 and i.variant == "specified in RFC 4122" for i in made)


def test_a_forked_process_makes_its_own_identifiers_whatever_threads_were_about():
    with ids._lock:  # as a thread holds it that the child has not
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(5)
            os.write(theirs, b"".join(uuid7().bytes for _ in range(20)))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    found = os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    tails = {found[at + 8 : at + 16] for at in range(0, len(found), 16)}
    assert len(tails) == 20
    assert not tails & {uuid7().bytes[8:] for _ in range(20)}


def test_identifier_tells_its_time():
    moment = datetime(2026, 10, 10, 9, 0, tzinfo=UTC)
    assert time_of(uuid7_at(moment)) == moment


def test_sealed_value_is_bound_to_row_and_purpose():
    row, other = uuid7(), uuid7()
    stored = crypto.seal("party.document", row, b"341022199001011234")
    assert b"3410221990" not in stored
    assert crypto.unseal("party.document", row, stored).decode() == "341022199001011234"
    for purpose, where in [("party.document", other), ("inventory.password", row)]:
        with pytest.raises(crypto.CryptoError):
            crypto.unseal(purpose, where, stored)
    broken = stored[:-1] + bytes([stored[-1] ^ 1])
    with pytest.raises(crypto.CryptoError):
        crypto.unseal("party.document", row, broken)


def test_old_key_versions_stay_readable(tmp_path, monkeypatch):
    monkeypatch.setenv("KAITONG_HOME", str(tmp_path))
    crypto.forget_cached_keys()
    row = uuid7()
    first = crypto.seal("x", row, b"one")
    assert crypto.rotate() == 2
    second = crypto.seal("x", row, b"two")
    assert first[1:3] != second[1:3]
    assert crypto.unseal("x", row, first) == b"one"
    assert crypto.unseal("x", row, second) == b"two"
    crypto.forget_cached_keys()


_SEALS = """
import sys
from kaitong.core import crypto
for line in sys.stdin:
    print(crypto.seal("x", "row", line.strip().encode()).hex(), flush=True)
"""


def test_a_process_that_runs_seals_with_the_key_another_has_made(tmp_path, monkeypatch):
    monkeypatch.setenv("KAITONG_HOME", str(tmp_path))
    crypto.forget_cached_keys()
    other = subprocess.Popen(
        [sys.executable, "-c", _SEALS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def sealed(text):
        other.stdin.write(text + "\n")
        other.stdin.flush()
        return bytes.fromhex(other.stdout.readline())

    try:
        told = [sealed("one")]
        assert crypto.rotate() == 2
        told += [sealed("two"), crypto.seal("x", "row", b"ours")]
        assert crypto.rotate() == 3
        told.append(sealed("three"))
    finally:
        other.communicate(timeout=20)
    assert [int.from_bytes(one[1:3]) for one in told] == [1, 2, 2, 3]
    read = [crypto.unseal("x", "row", one).decode() for one in told]
    assert read == ["one", "two", "ours", "three"]
    assert crypto.versions() == [1, 2, 3]
    crypto.forget_cached_keys()


def test_blind_index_is_equal_only_for_equal_values():
    assert crypto.blind_index("d", "A1") == crypto.blind_index("d", "A1")
    assert crypto.blind_index("d", "A1") != crypto.blind_index("d", "A2")
    assert crypto.blind_index("d", "A1") != crypto.blind_index("e", "A1")


@pytest.mark.parametrize(
    "function, plain, shown",
    [
        (masking.mask_name, "王明", "王*"),
        (masking.mask_name, "张三伟", "张*伟"),
        (masking.mask_name, "", ""),
        (masking.mask_phone, "13812345678", "138****5678"),
        (masking.mask_phone, "12345", "***45"),
        (masking.mask_document, "341022199001011234", "341022********1234"),
        (masking.mask_document, "E12345678", "E1*****78"),
        (masking.mask_secret, "abc", "••••••"),
    ],
    ids=lambda v: getattr(v, "__name__", v),
)
def test_masks(function, plain, shown):
    assert function(plain) == shown


def test_frozen_clock():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    with frozen(moment):
        assert now() == moment
    assert now() > moment


@pytest.mark.parametrize(
    "text", ["2026-12-01T09:00", " 2026-12-01T09:00+08:00 ", "2026-12-01T01:00Z"]
)
def test_typed_time_is_where_kaitong_stands(text):
    assert read_local(text).isoformat() == "2026-12-01T01:00:00+00:00"


@pytest.mark.parametrize("text", ["", "morgen", "0001-01-01T00:00", "2026-13-01T00:00"])
def test_what_is_no_time_is_said(text):
    with pytest.raises(ValueError):
        read_local(text)
