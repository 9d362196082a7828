"""UUIDv7 (RFC 9562): identifiers that sort by time, made here and nowhere else."""

import os
import threading
import time
from datetime import UTC, datetime
from uuid import UUID, SafeUUID

_lock = threading.Lock()
_DRAWN = 512  # random bytes drawn at a time: one call of the system, not one for each identifier
_drawn, _at = b"", 0
_TAIL = (1 << 62) - 1
_MARKS = (0x7 << 76) | (0b10 << 62)  # version and variant
_last_ms = 0
_sequence = 0


def _random(count: int) -> bytes:
    """Random bytes, each given once. Called with the lock held."""
    global _drawn, _at
    begin, _at = _at, _at + count
    if _at > len(_drawn):
        _drawn, begin, _at = os.urandom(_DRAWN), 0, count
    return _drawn[begin:_at]


def _forget() -> None:
    """A child process must not give what its parent gives, nor wait for a thread it has not."""
    global _drawn, _lock
    _drawn, _lock = b"", threading.Lock()


os.register_at_fork(after_in_child=_forget)


def _next() -> int:
    """The next identifier as a number."""
    global _last_ms, _sequence
    with _lock:
        ms = time.time_ns() // 1_000_000
        if ms > _last_ms:
            _last_ms, _sequence = ms, int.from_bytes(_random(1))
        else:
            _sequence += 1
            if _sequence > 0xFFF:
                _last_ms, _sequence = _last_ms + 1, 0
        ms, sequence = _last_ms, _sequence
        tail = int.from_bytes(_random(8)) & _TAIL
    return (ms << 80) | _MARKS | (sequence << 64) | tail


_new, _set, _UNKNOWN = object.__new__, object.__setattr__, SafeUUID.unknown


def uuid_of(number: int) -> UUID:
    """An identifier by its number, as `UUID(int=number)` makes it, without looking at what else it
    could be made of."""
    made = _new(UUID)
    _set(made, "int", number)
    _set(made, "is_safe", _UNKNOWN)
    return made


def uuid_from(text: str) -> UUID:
    """An identifier as the database writes it, as `UUID(text)` reads it."""
    return uuid_of(int(text.replace("-", ""), 16))


def uuid7() -> UUID:
    """A new identifier; two made in one process are strictly ordered.

    Layout: 48 bits of Unix milliseconds, version, a 12-bit sequence within the millisecond
    (RFC 9562 section 6.2, method 1), variant, 62 random bits.
    """
    return uuid_of(_next())


def uuid7_text() -> str:
    """A new identifier as text, for rows that nobody reads before they are written."""
    text = f"{_next():032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def uuid7_at(moment: datetime) -> UUID:
    """The smallest UUIDv7 of that millisecond: a bound for ranges and partitions."""
    ms = int(moment.timestamp() * 1000)
    return UUID(int=(ms << 80) | (0x7 << 76) | (0b10 << 62))


def time_of(identifier: UUID) -> datetime:
    """When the identifier was made, in UTC."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, tz=UTC)
