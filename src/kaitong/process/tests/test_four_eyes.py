"""四眼原则 among many: the pair is that of one instance of what is repeated."""

from __future__ import annotations

import pytest

from kaitong.core.errors import Forbidden
from kaitong.process import queries, services
from kaitong.process.models import Instance, WorkItem
from kaitong.process.tests.shell_kit import item_of

pytestmark = pytest.mark.django_db

ROOMS = """
start S n
{ Room n each=rooms item=room
start R0 n
user Fit installer form=f
user Test installer form=t four-eyes-with=Fit pick=least-loaded
end R1 n
}
user Sign installer form=s four-eyes-with=Fit
end E n
S > Room > Sign > E
R0 > Fit > Test > R1
"""


def item(instance_id, node, part):
    return WorkItem.objects.get(instance_id=instance_id, node=node, part=part)


def done(actor, found):
    services.complete(actor=actor, item_id=found.pk, values={})


def test_two_people_check_each_other_room_by_room(begin, crew):
    instance_id = begin(ROOMS, rooms=["一", "二"])
    done(crew.installer, item(instance_id, "Fit", "一"))
    done(crew.other_installer, item(instance_id, "Fit", "二"))
    first, second = item(instance_id, "Test", "一"), item(instance_id, "Test", "二")
    # proposed to the one who did not fit this room
    assert (first.candidate, second.candidate) == (crew.other_installer.id, crew.installer.id)
    for actor, own in ((crew.installer, first), (crew.other_installer, second)):
        assert queries.work_item(actor, own.pk).barred
        with pytest.raises(Forbidden, match="他人复核"):
            services.claim(actor=actor, item_id=own.pk)
        with pytest.raises(Forbidden, match="他人复核"):
            done(actor, own)
    assert {first.state, second.state} == {"todo"}
    assert not queries.work_item(crew.other_installer, first.pk).barred
    done(crew.other_installer, first)
    done(crew.installer, second)
    # what lies outside the rooms is paired with each of them
    sign = item_of(instance_id, "Sign")
    for actor in (crew.installer, crew.other_installer):
        with pytest.raises(Forbidden, match="他人复核"):
            done(actor, sign)
    assert Instance.objects.get(pk=instance_id).state == "running"


def test_a_room_within_a_floor_is_told_from_the_same_room_of_another(begin, crew):
    instance_id = begin(
        """
start S n
{ Floor n each=floors item=floor
start F0 n
{ Room n times=2
start R0 n
user Fit installer form=f
end R1 n
}
user Test installer form=t four-eyes-with=Fit subject=floor
end F1 n
}
end E n
S > Floor > E
F0 > Room > Test > F1
R0 > Fit > R1
""",
        floors=["甲", "乙"],
    )
    fits = list(WorkItem.objects.filter(instance_id=instance_id, node="Fit").order_by("id"))
    passages = [fit.passage.split("/") for fit in fits]
    assert [len(path) for path in passages] == [2, 2, 2, 2]
    floors = sorted({path[0] for path in passages})
    assert len(floors) == 2
    for fit, path in zip(fits, passages, strict=True):
        done(crew.installer if path[0] == floors[0] else crew.other_installer, fit)
    tests = WorkItem.objects.filter(instance_id=instance_id, node="Test")
    by_floor = {test.passage: test for test in tests}
    assert sorted(by_floor) == floors
    with pytest.raises(Forbidden):
        done(crew.installer, by_floor[floors[0]])
    done(crew.other_installer, by_floor[floors[0]])
    with pytest.raises(Forbidden):
        done(crew.other_installer, by_floor[floors[1]])
    done(crew.installer, by_floor[floors[1]])
    assert Instance.objects.get(pk=instance_id).state == "completed"


def test_repeated_steps_themselves_are_paired_as_a_whole(begin, crew):
    """Two repeated tasks one after the other: which was which of the other nobody can say."""
    instance_id = begin(
        """
start S n
user Fit installer form=f each=rooms item=room
user Test installer form=t four-eyes-with=Fit each=rooms item=room
end E n
S > Fit > Test > E
""",
        rooms=["一", "二"],
    )
    done(crew.installer, item(instance_id, "Fit", "一"))
    done(crew.installer, item(instance_id, "Fit", "二"))
    for part in ("一", "二"):
        with pytest.raises(Forbidden):
            done(crew.installer, item(instance_id, "Test", part))
        done(crew.other_installer, item(instance_id, "Test", part))
    assert Instance.objects.get(pk=instance_id).state == "completed"
