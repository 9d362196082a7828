"""Suspended services: two reasons are two, and the line works with none of them."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection

from kaitong.core.clock import now
from kaitong.inventory import queries, services
from kaitong.inventory.choices import ServiceState, SuspensionKind
from kaitong.inventory.errors import WrongState
from kaitong.inventory.models import Service, Suspension

REQUEST, ARREARS = SuspensionKind.REQUEST, SuspensionKind.ARREARS


def working(plant):
    service = plant.service()
    Service.objects.filter(pk=service).update(state=ServiceState.ACTIVE, started_at=now())
    return service


def state_of(service) -> str:
    return Service.objects.get(pk=service).state


def suspend(plant, service, kind=REQUEST):
    return services.suspend(actor=plant.actor, service_id=service, kind=kind, reason="出国")


@pytest.mark.django_db
def test_a_line_works_again_when_no_reason_is_left(plant):
    service = working(plant)
    suspend(plant, service)
    suspend(plant, service, ARREARS)
    assert state_of(service) == ServiceState.INACTIVE
    assert Service.objects.get(pk=service).reason == "客户停机、欠费停机"

    assert not services.resume(actor=plant.actor, service_id=service, kind=ARREARS)
    assert state_of(service) == ServiceState.INACTIVE  # the customer's own wish still stands
    assert services.resume(actor=plant.actor, service_id=service, kind=REQUEST)
    assert state_of(service) == ServiceState.ACTIVE
    assert Service.objects.get(pk=service).reason == ""
    assert queries.suspensions([service]) == {}


@pytest.mark.django_db
def test_the_same_reason_twice_is_one(plant):
    service = working(plant)
    assert suspend(plant, service).pk == suspend(plant, service).pk
    assert Suspension.objects.count() == 1
    services.resume(actor=plant.actor, service_id=service, kind=REQUEST)
    assert services.resume(actor=plant.actor, service_id=service, kind=REQUEST)


@pytest.mark.django_db
def test_what_never_worked_is_not_suspended(plant):
    service = plant.service()
    with pytest.raises(WrongState, match="不能停机"):
        suspend(plant, service)
    assert not Suspension.objects.exists()


@pytest.mark.django_db
def test_spans_that_touch_a_month_are_found(plant):
    service, month = working(plant), now()
    early = suspend(plant, service)
    services.resume(actor=plant.actor, service_id=service, kind=REQUEST)
    Suspension.objects.filter(pk=early.pk).update(
        since=month - timedelta(days=40), ended_at=month - timedelta(days=35)
    )
    late = suspend(plant, service)
    found = queries.suspended_between([service], month - timedelta(days=30), month)
    assert service not in found  # the late one began after the span ended
    found = queries.suspended_between([service], month, month + timedelta(days=1))
    assert [row.pk for row in found[service]] == [late.pk]


@pytest.mark.django_db(transaction=True)
def test_two_at_once_suspend_once(plant):
    service, faults = working(plant), []

    def run():
        try:
            suspend(plant, service)
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not faults
    assert Suspension.objects.filter(service_id=service, ended_at=None).count() == 1
