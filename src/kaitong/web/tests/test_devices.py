"""营业厅设备: paired by a code, opens the hall's pages and nothing else, ended by one press."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver

from kaitong.core.clock import frozen, now
from kaitong.core.errors import KaitongError, NotFound
from kaitong.hall import services as hall
from kaitong.hall.errors import NotAllowed
from kaitong.hall.models import Event, Ticket
from kaitong.org import devices as org
from kaitong.org import services as people
from kaitong.org.actor import Actor, actor_for
from kaitong.org.models import Device, Staff
from kaitong.tmf.services import issue_token
from kaitong.web.access import DEVICE
from kaitong.web.tests.test_access import pages, url_of
from kaitong.web.tests.test_hall import taken, text_of

pytestmark = pytest.mark.django_db
PAIR, LIST = "/queue/device/", "/queue/devices/"


@pytest.fixture
def boss(world, signed_in):
    return signed_in("supervisor")


def added(boss, title="入口平板"):
    key = re.search(r'name="key" value="([^"]+)"', text_of(boss.get(LIST)))[1]
    html = text_of(boss.post("/queue/devices/add", {"key": key, "title": title}))
    again = boss.post("/queue/devices/add", {"key": key, "title": title})
    assert again.status_code == 302  # a double click adds one, and tells no second code
    return re.search(r"<strong[^>]*>([a-z0-9]{5}-[a-z0-9]{5})</strong>", html)[1]


def paired(code):
    tablet = Client()
    answer = tablet.post(PAIR, {"code": code})
    assert (answer.status_code, answer.url) == (302, "/queue/take/")
    return tablet


@pytest.fixture
def tablet(boss):
    return paired(added(boss))


def test_a_tablet_is_paired_once_and_signed_out_for_good(boss, world):
    code = added(boss)
    device = Device.objects.get()
    assert code.replace("-", "").encode() not in bytes(device.code)
    tablet = paired(code.upper().replace("-", " "))
    assert tablet.get("/").url == "/queue/take/"
    answer = Client().post(PAIR, {"code": code})
    assert "配对码不对" in text_of(answer, 422)
    assert Client().post(PAIR, {"code": ""}).status_code == 422

    taken(tablet)
    assert Event.objects.get(act="taken").actor_id == device.staff_id
    assert "A001" in text_of(tablet.get("/queue/form/"))
    assert "新装宽带" in text_of(tablet.get("/queue/board/"))
    ends = tablet.session.get_expiry_date() - now()
    assert timedelta(days=89) < ends <= timedelta(days=90)

    html = text_of(boss.post(f"/queue/devices/{device.pk}/code"))
    second = paired(re.search(r"<strong[^>]*>([^<]+)</strong>", html)[1])
    assert tablet.get("/queue/take/").status_code == 302  # the tablet before is signed out
    assert boss.post(f"/queue/devices/{device.pk}/revoke").status_code == 302
    assert boss.post(f"/queue/devices/{device.pk}/revoke").status_code == 302
    answer = second.get("/queue/take/")
    assert (answer.status_code, answer.url[:17]) == (302, "/accounts/login/?")
    assert "已停用" in text_of(boss.get(LIST))
    assert boss.post(f"/queue/devices/{device.pk}/code").status_code == 409
    assert Ticket.objects.count() == 1


def test_a_code_is_good_for_half_an_hour(boss):
    code = added(boss)
    with frozen(now() + timedelta(minutes=31)), pytest.raises(NotFound):
        org.pair(code=code)
    assert Device.objects.get().paired_at is None


def _addresses(resolver, before=""):
    """Every address outside `web` that takes no argument."""
    for one in resolver.url_patterns:
        place = before + str(one.pattern)
        if isinstance(one, URLResolver):
            if one.namespace != "web" and not place.startswith("tmf-api"):
                yield from _addresses(one, place)
        elif isinstance(one, URLPattern) and not one.pattern.converters and "(?P" not in place:
            yield "/" + re.sub(r"\\Z|[\^$\\]", "", place)


def test_a_device_opens_its_pages_and_no_other(things, tablet):
    taken(tablet)
    wrong = []
    for pattern in pages():
        url = url_of(pattern, things)
        got = [tablet.get(url).status_code, tablet.post(url).status_code]
        if pattern.name not in DEVICE and got != [403, 403]:
            wrong.append((pattern.name, got))
        if pattern.name in DEVICE and 403 in got:
            wrong.append((pattern.name, got))
    others = set(_addresses(get_resolver()))
    assert {"/accounts/login/", "/accounts/password/change/", "/admin/"} <= others
    for url in others - {"/i18n/setlang/", "/"}:
        if tablet.get(url).status_code not in (403, 404):
            wrong.append((url, tablet.get(url).status_code))
    assert wrong == []
    number = Ticket.objects.get()
    assert tablet.get(reverse("web:hall_ticket", args=[number.pk])).status_code == 200
    links = re.findall(r'href="(/[^"]*)"', text_of(tablet.get("/queue/take/")))
    assert [
        one for one in links if not one.startswith(("/queue/take", "/queue/form", "/static"))
    ] == []


def test_a_device_leads_nothing_and_is_nobodys_colleague(tablet, world):
    device = Device.objects.get()
    actor = actor_for(device.staff)
    assert actor.device
    assert actor.posts == {"hall-device"}
    ticket = hall.take(actor=actor, kind="open", key="one")
    for act in (
        lambda: hall.close_day(actor=actor),
        lambda: hall.reopen_day(actor=actor),
        lambda: hall.bring_back(actor=actor, ticket_id=ticket.pk),
        lambda: hall.sit(actor=actor, counter=1),
        lambda: hall.call_next(actor=actor),
    ):
        with pytest.raises(KaitongError):
            act()
    with pytest.raises(NotAllowed):
        hall.take(actor=world.actor("installer"), kind="open", key="two")
    with pytest.raises(NotFound):
        issue_token(actor=Actor.system(), staff_username=device.staff.username)
    with pytest.raises(people.OrgError):
        people.reset_password(username=device.staff.username)
    assert not Client().login(username=device.staff.username, password="!")
    from kaitong.org import queries

    assert device.staff not in queries.colleagues(world.branch.pk)


def test_only_who_leads_the_branch_has_devices(boss, world, signed_in):
    added(boss, "东门的平板")
    device = Device.objects.get()
    clerk, foreigner = signed_in("clerk"), signed_in("foreigner")
    assert "东门的平板" not in text_of(foreigner.get(LIST))
    for url in (f"/queue/devices/{device.pk}/code", f"/queue/devices/{device.pk}/revoke"):
        assert clerk.post(url).status_code == 403
        assert foreigner.post(url).status_code == 404
    assert clerk.get(LIST).status_code == 403
    stranger = actor_for(Staff.objects.get(username="foreigner"))
    with pytest.raises(KaitongError):
        org.revoke(actor=stranger, device_id=device.pk)
    with pytest.raises(KaitongError):
        hall.add_device(actor=world.actor("clerk"), title="假平板")
    assert boss.post("/queue/devices/add", {"key": uuid4(), "title": " "}).status_code == 422
    device.refresh_from_db()
    assert device.revoked_at is None
    assert Device.objects.count() == 1
