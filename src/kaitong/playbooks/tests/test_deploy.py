"""Deploying: versions by content, nothing vanishes, orders stay on theirs."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from kaitong.catalog import queries as catalog
from kaitong.core.errors import Conflict
from kaitong.core.home import library
from kaitong.ordering.models import Procedure
from kaitong.org import services as org
from kaitong.org.actor import Actor
from kaitong.org.models import Post
from kaitong.playbooks import queries, services
from kaitong.playbooks.errors import RefusedPlaybook
from kaitong.playbooks.models import Deployment

HOME_BROADBAND = library() / "home-broadband"
SYSTEM = Actor.system()


@pytest.fixture(autouse=True)
def forget(request):
    queries.forget()
    marker = request.node.get_closest_marker("django_db")
    if marker is not None:  # some processes begin by themselves: they need a branch to begin in
        request.getfixturevalue("transactional_db" if marker.kwargs.get("transaction") else "db")
        org.ensure_branch(code="AH", name="安徽省公司", kind="province")
    yield
    queries.forget()


@pytest.mark.django_db
def test_deploying_twice_changes_nothing():
    first = services.deploy(actor=SYSTEM, folder=HOME_BROADBAND)
    assert services.deploy(actor=SYSTEM, folder=HOME_BROADBAND).id == first.id
    assert Deployment.objects.count() == 1
    assert Post.objects.get(key="monitor").name_en == "Network monitoring"
    assert {o.key for o in catalog.current_offerings(SYSTEM)} == {
        "home-300",
        "home-1000",
        "home-300-bundle",
        "home-1000-bundle",
        "home-300-voice",
        "home-1000-voice",
        "home-300-tv",
        "home-1000-tv",
        "home-300-family",
        "home-1000-prepaid",
    }


@pytest.mark.django_db
def test_new_version_retires_the_old_and_keeps_it(tmp_path):
    old = services.deploy(actor=SYSTEM, folder=HOME_BROADBAND)
    folder = tmp_path / "home-broadband"
    shutil.copytree(HOME_BROADBAND, folder)
    yaml = folder / "playbook.yaml"
    yaml.write_text(yaml.read_text(encoding="utf-8").replace("48 hours", "24 hours"), "utf-8")
    new = services.deploy(actor=SYSTEM, folder=folder)
    old.refresh_from_db()
    assert old.retired_at is not None
    assert queries.current("home-broadband").id == new.id
    assert queries.form("home-broadband", old.hash, "forms/install.json").title == "上门安装"
    budgets = dict(Procedure.objects.values_list("playbook_hash", "parameters__install_within"))
    assert budgets[old.hash]["amount"] == "48 hours"
    assert budgets[new.hash]["amount"] == "24 hours"


@pytest.mark.django_db
def test_refused_playbook_leaves_nothing(tmp_path):
    folder = tmp_path / "home-broadband"
    shutil.copytree(HOME_BROADBAND, folder)
    (folder / "forms" / "install.json").unlink()
    with pytest.raises(RefusedPlaybook):
        services.deploy(actor=SYSTEM, folder=folder)
    assert not Deployment.objects.exists()
    assert not Procedure.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_deployments_at_once_are_one():
    def deploy(_number):
        try:
            return services.deploy(actor=SYSTEM, folder=HOME_BROADBAND).id
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(deploy, range(4)))) == 1
    assert Deployment.objects.filter(retired_at=None).count() == 1


@pytest.mark.django_db
def test_two_playbooks_stand_side_by_side_and_never_take_each_others_service(tmp_path):
    services.deploy(actor=SYSTEM, folder=HOME_BROADBAND)
    campus = HOME_BROADBAND.parents[1] / "docs" / "examples" / "campus"
    services.deploy(actor=SYSTEM, folder=campus)
    grasping = tmp_path / "grasping"
    shutil.copytree(campus, grasping)
    file = grasping / "playbook.yaml"
    text = file.read_text(encoding="utf-8").replace("dorm-access", "access")
    text = text.replace("key: dorm-100", "key: grasping-100")
    file.write_text(text.replace("key: campus", "key: grasping"), encoding="utf-8")
    with pytest.raises(Conflict, match="home-broadband"):
        services.deploy(actor=SYSTEM, folder=grasping)
    current = Procedure.objects.filter(specification="access", action="add", retired_at=None)
    assert current.get().playbook == "home-broadband"
    assert not Deployment.objects.filter(playbook="grasping").exists()
