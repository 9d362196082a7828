"""The same Idempotency-Key at the same instant: one order, and both clients learn of it."""

import json
import threading

import pytest
from django.db import connections
from django.test import Client

from kaitong.ordering.models import Order
from kaitong.tmf.tests.conftest import ORDERS


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_order(call, plant, body):
    clients = 4
    barrier = threading.Barrier(clients)
    answers = []

    def send():
        try:
            barrier.wait(timeout=20)
            answers.append(
                Client().post(
                    ORDERS,
                    json.dumps(body),
                    content_type="application/json",
                    headers={**call.headers, "Idempotency-Key": "same"},
                )
            )
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [answer.status_code for answer in answers] == [201] * clients
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Order.objects.count() == 1
