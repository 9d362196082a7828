"""资源台账 (SYS-04): down the tree to a port, who has it, and its state by hand."""

from __future__ import annotations

import re
import threading

import pytest
from django.db import connections

from kaitong.core.errors import Conflict, NotFound
from kaitong.core.models import AuditEntry
from kaitong.inventory import by_hand
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.models import Resource


def box_of(world, n: int = 1) -> Resource:
    return Resource.objects.get(name=f"横江花园 POS-{n:02d}", branch=world.branch)


def text_of(client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def link(html: str, name: str) -> str:
    return re.search(rf'<a href="(/plant/[0-9a-f-]+/)">{name}</a>', html).group(1)


def test_down_the_tree_to_a_port_and_who_has_it(world, signed_in):
    line = world.line(1)
    post = signed_in("resource")
    html = text_of(post, "/plant/")
    for word in ("空闲", "预占", "海阳机房"):
        assert word in html
    assert 'href="/plant/"' in text_of(post, "/work/")
    olt = text_of(post, link(html, "海阳机房"))
    pon = text_of(post, link(olt, "OLT-01"))
    boxes = text_of(post, link(pon, "0/3/6"))
    port = inventory.port_text(line.id)
    box = text_of(post, link(boxes, port.split(" · ")[1].split("/")[0]))
    assert line.account in box  # no mobile number: nothing of it is masked
    assert f"/services/{line.id}/" not in box  # the customer's page is not this post's
    assert f"/services/{line.id}/" in text_of(signed_in("supervisor"), f"/plant/{port_id(line)}/")
    page = text_of(post, f"/plant/{port_id(line)}/")
    assert "占用记录" in page
    assert "改状态" not in page  # somebody has it
    found = text_of(post, "/plant/?q=POS-01/02")
    assert "横江花园 POS-01/02" in found
    assert "没有这样的端口" in text_of(post, "/plant/?q=POS-99/1")


def port_id(line):
    return by_hand.network.living().get(service_id=line.id, role="port").resource_id


def test_a_port_is_found_bad_repaired_and_set_aside(world, signed_in):
    box = box_of(world)
    port = box.children.order_by("position").first()
    post = signed_in("resource")
    url = f"/plant/{port.pk}/state"
    given = {"state": "damaged", "reason": "光功率低", "was": "free"}
    assert post.post(url, {**given, "reason": " "}).status_code == 422
    assert post.post(url, {**given, "state": "in-use"}).status_code == 422
    assert post.post(url, given).status_code == 302
    assert post.post(url, given).status_code == 302  # the same click again
    port.refresh_from_db()
    assert (port.state, port.note) == ("damaged", "光功率低")
    assert AuditEntry.objects.filter(kind="resource-state", subject_id=port.pk).count() == 1
    stale = post.post(url, {**given, "state": "kept"})  # the page still showed it free
    assert stale.status_code == 409
    assert "现在是损坏" in stale.content.decode()
    assert post.post(url, {"state": "free", "reason": "已修", "was": "damaged"}).status_code == 302
    assert signed_in("network").post(url, given).status_code == 403  # reads, and keeps nothing
    assert signed_in("foreigner").post(url, given).status_code == 404
    port.refresh_from_db()
    assert (port.state, port.note) == ("free", "已修")


@pytest.mark.django_db(transaction=True)
def test_a_port_taken_at_that_instant_is_left_alone(world):
    """Assignment and the hand at once: whoever is second is told, nothing is torn."""
    port = box_of(world).children.order_by("position").first()
    keeper, told = world.actor("resource"), []

    def by_the_hand() -> None:
        try:
            by_hand.put_state(
                actor=keeper, resource_id=port.pk, state="damaged", reason="坏", was="free"
            )
        except Conflict:
            told.append("conflict")
        finally:
            connections.close_all()

    thread = threading.Thread(target=by_the_hand)
    thread.start()
    line = world.line(1)
    thread.join()
    port.refresh_from_db()
    mine = port_id(line) == port.pk
    assert (port.state, told) == (("pre-empted", ["conflict"]) if mine else ("damaged", []))
    with pytest.raises(NotFound):
        by_hand.put_state(
            actor=world.actor("foreigner"), resource_id=port.pk, state="free", reason="x", was=""
        )


def test_the_pages_cost_the_same_whatever_stands_there(world, signed_in, queries_of):
    post = signed_in("supervisor")
    box = box_of(world)
    post.get(f"/plant/{box.pk}/")  # what is kept in the process is read once
    few = queries_of(lambda: post.get(f"/plant/{box.pk}/"))
    for serial in range(1, 5):
        world.order(serial)
    assert queries_of(lambda: post.get(f"/plant/{box.pk}/")) == few
    top = queries_of(lambda: post.get("/plant/"))
    inventory_verbs.add_resources(
        actor=inventory_actor(world),
        branch_id=world.branch.pk,
        rows=[inventory_verbs.ResourceRow("site", f"机房{n}") for n in range(30)],
    )
    assert queries_of(lambda: post.get("/plant/")) == top


def inventory_actor(world):
    from kaitong.org.actor import Actor

    return Actor.system(branch_id=world.branch.pk)


def test_in_english(world, signed_in):
    html = signed_in("resource").get("/plant/", headers={"Accept-Language": "en"}).content.decode()
    assert "Network records" in html
    assert "Free" in html
