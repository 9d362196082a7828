"""入网参数 on site and at the counter: who reads a line's and a telephone's password, and that each
reading is recorded."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from kaitong.core import clock
from kaitong.core.models import AuditEntry
from kaitong.inventory import services as inventory
from kaitong.org.actor import Actor
from kaitong.org.models import Staff
from kaitong.process import services as process_verbs
from tests.path.flows_kit import NEW_OWNER, PASSWORD
from tests.path.test_bundles import (
    ask,
    at_the_customers,
    bundle,
    network,  # noqa: F401  a fixture
    opened,
    services,
)

pytestmark = [pytest.mark.django_db(transaction=True)]
PART = {"HX-Request": "true"}


def browser(username: str) -> Client:
    client = Client(headers=PART)
    person = Staff.objects.get(username=username)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def secret(service) -> str:
    return inventory.reveal_password(actor=Actor.system(), service_id=service.pk, reason="test")


def readings(username: str) -> list[AuditEntry]:
    person = Staff.objects.get(username=username)
    return list(AuditEntry.objects.filter(kind="password-read", actor_id=person.pk).order_by("id"))


def test_who_has_the_visit_in_hand_reads_what_is_entered(
    office,
    network,  # noqa: F811
    other_county,
    staff_of,
):
    order = bundle(office)
    office.work()
    office.complete(order, "Appoint")
    item = office.item(order, "Install")
    assert item.claimed_by is None
    found = services(order)
    line, telephone = secret(found["access"]), secret(found["voice"])
    circuit = found["iptv"].characteristics["circuit_id"]
    page = reverse("web:phone_job", args=[item.id])
    url = reverse("web:phone_passwords", args=[item.id])
    installer = browser("installer")
    assert 'id="entries"' not in installer.get(page).content.decode()  # not in hand yet
    assert installer.post(url).status_code == 403
    process_verbs.claim(actor=office.people["installer"], item_id=item.id)

    html = installer.get(page).content.decode()
    card = html[html.index('id="entries"') :].split("</section>")[0]
    assert url in card
    for reached in (found["access"].account, found["voice"].account, circuit):
        assert reached in card
    assert line not in html
    assert telephone not in html
    assert installer.get(url).status_code == 405
    for wrong in ("supervisor", "clerk"):
        assert url not in browser(wrong).get(page).content.decode()
        refused = browser(wrong).post(url)
        assert refused.status_code == 403
        assert line not in refused.content.decode()
    staff_of(other_county, "zhao", "installer", "supervisor")
    assert browser("zhao").post(url).status_code == 404
    assert not AuditEntry.objects.filter(kind="password-read").exclude(actor_id=None).exists()

    told = installer.post(url)
    shown = told.content.decode()
    assert told.status_code == 200
    assert f'<span class="kt-secret">{line}</span>' in shown
    assert f'<span class="kt-secret">{telephone}</span>' in shown
    assert "no-store" in told.headers["Cache-Control"]
    assert [row.subject_id for row in readings("installer")] == [
        found["access"].pk,
        found["voice"].pk,
    ]
    for row in readings("installer"):
        assert order.number in row.data["reason"]
        assert "上门安装" in row.data["reason"]
    assert line not in installer.get(page).content.decode()  # hidden again

    at_the_customers(network, order)
    office.complete(order, "Install")  # no longer in hand
    assert installer.post(url).status_code == 403
    assert len(readings("installer")) == 2


def test_the_counter_reads_a_telephones_new_password_on_the_day_of_its_transfer(
    office,
    network,  # noqa: F811
    other_county,
    staff_of,
):
    order = opened(office, network)
    telephone = services(order)["voice"]
    opening = reverse("web:order_passwords", args=[order.id])
    given = ask(office, order, "transfer", reason="customer.family", **NEW_OWNER, **PASSWORD)
    office.work_until_state(given, "completed")
    page = reverse("web:order", args=[given.id])
    url = reverse("web:order_passwords", args=[given.id])
    new = secret(telephone)
    clerk = browser("clerk")
    html = clerk.get(page).content.decode()
    assert url in html
    assert new not in html
    assert browser("installer").post(url).status_code == 403
    assert url not in browser("installer").get(page).content.decode()
    staff_of(other_county, "zhao", "clerk")
    assert browser("zhao").post(url).status_code == 404
    assert clerk.post(opening).status_code == 409  # gave no new password
    assert not readings("clerk")

    told = clerk.post(url)
    assert new in told.content.decode()
    assert "no-store" in told.headers["Cache-Control"]
    (row,) = readings("clerk")
    assert row.subject_id == telephone.pk
    assert given.number in row.data["reason"]

    with clock.frozen(clock.now() + timedelta(days=1)):
        assert clerk.post(url).status_code == 409
        assert url not in clerk.get(page).content.decode()
