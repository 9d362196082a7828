"""Branches, posts, actors and the rule of who sees what."""

import pytest
from django.utils.translation import override

from kaitong.core.errors import NotFound
from kaitong.org import queries
from kaitong.org.actor import Actor, actor_for
from kaitong.org.models import Branch, Department, Staff

pytestmark = pytest.mark.django_db


def test_staff_see_their_branch_and_below(county, staff_of):
    county_actor = staff_of(county, "clerk1", "clerk")
    city_actor = staff_of(county.parent, "boss1", "supervisor")
    assert county_actor.sees(county.id)
    assert not county_actor.sees(county.parent_id)
    assert city_actor.sees(county.id)
    assert city_actor.branch_ids[0] == county.parent_id


def test_branches_are_named_in_the_readers_language(county, staff_of):
    Branch.objects.filter(pk=county.pk).update(name_en="Xiuning")
    actor = staff_of(county, "clerk1", "clerk")
    assert queries.branch_names(actor) == {county.pk: county.name}
    with override("en"):
        assert queries.branch_names(actor) == {county.pk: "Xiuning"}


def test_sibling_branch_is_invisible(county, other_county, staff_of):
    actor = staff_of(other_county, "clerk2", "clerk")
    Department.objects.create(branch=county, key="zw", name="装维")
    assert not queries.visible_to(Department.objects.all(), actor).exists()
    with pytest.raises(NotFound):
        queries.require_visible(Department.objects.get(), actor)


def test_similar_code_is_not_below(county):
    twin = Branch.objects.create(code="XN2", name="休宁二", kind="county", path=county.path + "2")
    user = Staff.objects.create(username="u", name="u", branch=county)
    assert twin.id not in actor_for(user).branch_ids


def test_system_sees_everything(county):
    assert Actor.system().sees(county.id)
    assert queries.visible_to(Branch.objects.all(), Actor.system(), "id").count() == 3


def test_changes_of_staff_are_audited_without_the_password(county, staff_of):
    from kaitong.core.audit import acting

    actor = staff_of(county, "clerk3", "clerk")
    with acting(actor.id, "改名"):
        Staff.objects.filter(pk=actor.id).update(name="新名")
    event = Staff.pgh_event_model.objects.get(pgh_obj_id=actor.id, pgh_label="update")
    assert event.name == "新名"
    assert event.pgh_context.metadata["actor"] == str(actor.id)
    assert not hasattr(event, "password")
