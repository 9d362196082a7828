"""Replaying the history: after its last line tokens stand where the database has them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaitong.process import queries, replay, services, worker
from kaitong.process.models import Instance, Token, WorkItem
from kaitong.process.tests.shell_kit import item_of

pytestmark = pytest.mark.django_db

BUSY = """
start S clerk
user Check clerk form=f
and Fork clerk
user Visit installer form=f
user Read service form=f
and Join clerk
on-timer Late installer host=Visit after=PT0S keep=yes
user Remind supervisor form=f
user Confirm service form=f
end E clerk
S > Check > Fork > Visit > Join > Confirm > E
Fork > Read > Join
Late > Remind > E
"""


def standing(instance_id):
    return sorted(Token.objects.filter(instance_id=instance_id).values_list("node", flat=True))


def told(instance_id):
    return replay.frames(queries.history(instance_id))


def test_tokens_move_line_by_line(begin, crew):
    instance_id = begin(BUSY)
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
    found = told(instance_id)
    assert list(found[-1].tokens) == standing(instance_id) == ["Read", "Visit"]
    flows = [frame.flow for frame in found if frame.flow]
    assert len(flows) == len(set(flows)) == 4
    assert [frame.row.seq for frame in found] == list(range(1, len(found) + 1))
    assert "Check" in [frame.done for frame in found]


def test_a_return_takes_a_token_away_undone_and_sets_it_earlier(begin, crew):
    instance_id = begin()
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
    visit = item_of(instance_id, "Visit").pk
    services.return_to(actor=crew.installer, item_id=visit, node="Check", reason="资料不全")
    found = told(instance_id)
    assert "Visit" in [frame.gone for frame in found]
    assert list(found[-1].tokens) == standing(instance_id)
    assert "Check" in found[-1].tokens


def test_an_ended_instance_is_told_to_its_end(begin, crew):
    instance_id = begin(BUSY)
    services.cancel(actor=crew.clerk, instance_id=instance_id, reason="撤单")
    found = told(instance_id)
    assert found[-1].tokens == ()
    assert Instance.objects.get(pk=instance_id).state == "cancelled"


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(choices=st.lists(st.integers(0, 5), max_size=12))
def test_whatever_happens_the_last_frame_is_where_tokens_stand(begin, crew, choices):
    """People complete, return and machines fire timers in any order."""
    instance_id = begin(BUSY)
    for choice in choices:
        worker.drain_once()
        open_items = WorkItem.objects.filter(
            instance_id=instance_id, state__in=("todo", "claimed")
        ).order_by("id")
        if not open_items:
            break
        item = open_items[choice % len(open_items)]
        back = queries.work_item(crew.supervisor, item.pk).return_targets
        if choice == 5 and back:
            services.return_to(
                actor=crew.supervisor, item_id=item.pk, node=back[0][0], reason="再来"
            )
        else:
            services.complete(actor=crew.supervisor, item_id=item.pk, values={})
    assert list(told(instance_id)[-1].tokens) == standing(instance_id)
