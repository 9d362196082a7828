"""A process of the `ports` benchmark: some of its clients, each with a connection of its own.

    python -m kaitong.bench.porter PART PARTS THREADS PORTS

Says `ready`, waits for a line, takes its share of the ports, tells how many were refused.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID


def client(part: int, parts: int, threads: int, total: int) -> None:
    """Every client asks for a port at every so many-th room, so that neighbours contend."""
    from django.db import connection

    from kaitong.core.ids import uuid7
    from kaitong.inventory import services as inventory
    from kaitong.inventory.services import PortTaken
    from kaitong.org.queries import actor_of

    actor = actor_of("clerk")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM places_address WHERE code LIKE 'B%%' ORDER BY code LIMIT %s", [total]
        )
        rooms: list[UUID] = [row[0] for row in cursor.fetchall()]
    connected, told = Barrier(threads + 1), Barrier(threads + 1)

    def take(number: int) -> int:
        connection.ensure_connection()
        connected.wait()
        told.wait()
        refused = 0
        for room in rooms[part * threads + number :: parts * threads]:
            got = inventory.take_port(
                actor=actor, order_id=uuid7(), address_id=room, hold_for=timedelta(minutes=30)
            )
            refused += not isinstance(got, PortTaken)
        connection.close()
        return refused

    with ThreadPoolExecutor(threads) as pool:
        answers = [pool.submit(take, number) for number in range(threads)]
        connected.wait()
        print("ready", flush=True)
        sys.stdin.readline()
        told.wait()
        print(sum(answer.result() for answer in answers), flush=True)


if __name__ == "__main__":
    import django

    django.setup()
    client(*(int(argument) for argument in sys.argv[1:5]))
