"""Number ranges of two playbooks: the same one is shared, one within another is refused."""

import re
import shutil
import threading

import pytest
from django.db import connection

from kaitong.core.errors import BadInput
from kaitong.core.home import library
from kaitong.inventory import services as inventory
from kaitong.inventory.choices import ServiceState
from kaitong.inventory.models import NumberPool, Service
from kaitong.org.actor import Actor
from kaitong.playbooks import ranges, services

SYSTEM = Actor.system()


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("0559755{seq:4}", "0559756{seq:4}", False),
        ("0559755{seq:4}", "055975{seq:5}", True),
        ("0559755{seq:4}", "0559755{seq:5}", False),
        ("{branch}0559{seq:7}@kd", "{branch}0559{seq:7}@gh", False),
        ("{branch}05{seq:3}", "{branch}0{seq:4}", True),
        ("O0559{olt:2}{seq:9}", "O055901{seq:9}", True),
        ("{branch}{seq:4}", "{branch_lower}{seq:4}", False),
    ],
)
def test_ranges_meet_where_one_value_is_of_both(one, other, meet):
    assert ranges.overlap(one, other) is ranges.overlap(other, one) is meet


def fixed_line(tmp_path, pattern: str, quarantine: int = 90):
    """The fixed line with another number range, in a library of its own."""
    folder = tmp_path / "fixed-line"
    if not folder.exists():
        shutil.copytree(library() / "fixed-line", folder)
    text = (library() / "fixed-line" / "playbook.yaml").read_text(encoding="utf-8")
    text = text.replace("0559756{seq:4}", pattern)
    text = re.sub(r"(rule: fixed_number_pattern, quarantine: )\d+", rf"\g<1>{quarantine}", text)
    (folder / "playbook.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.django_db
def test_a_range_partly_within_anothers_is_refused_and_the_same_one_is_shared(
    county, tmp_path, monkeypatch
):
    monkeypatch.setattr("kaitong.playbooks.reading.papers.check", lambda *_: None)
    services.deploy(actor=SYSTEM, folder=library() / "home-broadband")
    with pytest.raises(BadInput) as refused:
        services.deploy(actor=SYSTEM, folder=fixed_line(tmp_path, "055975{seq:5}"))
    said = str(refused.value)
    assert "home-broadband" in said
    assert "0559755{seq:4}" in said
    assert "055975{seq:5}" in said
    with pytest.raises(BadInput, match="30"):
        services.deploy(actor=SYSTEM, folder=fixed_line(tmp_path, "0559755{seq:4}", 30))


@pytest.mark.django_db(transaction=True)
def test_two_playbooks_on_one_range_never_give_a_number_twice(county):
    def give(playbook: str, got: list[str]) -> None:
        try:
            service = inventory.create_service(
                actor=SYSTEM,
                branch_id=county.id,
                specification="voice",
                playbook=playbook,
                version="1",
                title="固定电话",
                order_id=None,
                customer_id=None,
                address_id=None,
                characteristics={},
                proven_by=["account"],
                state=ServiceState.FEASIBILITY_CHECKED,
            )
            got.append(
                inventory.allocate_number(
                    actor=SYSTEM, service_id=service.id, pattern="0559755{seq:4}"
                )
            )
        finally:
            connection.close()

    got: list[str] = []
    both = [
        threading.Thread(target=give, args=(playbook, got))
        for playbook in ("home-broadband", "fixed-line") * 4
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(got) == len(set(got)) == 8
    assert NumberPool.objects.filter(rule="number").count() == 1
    assert Service.objects.filter(account__in=got).count() == 8
