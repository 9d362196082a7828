"""Carried over: phases by the new version, joins of fewer branches, what repeats otherwise."""

from __future__ import annotations

import pytest

from kaitong.core.clock import frozen
from kaitong.core.errors import Refused
from kaitong.process import migrating, services
from kaitong.process.models import History, Instance, Phase, Token
from kaitong.process.tests.shell_kit import item_of
from kaitong.process.tests.test_levels import GIVEN, HOUR, MONDAY, calendar
from kaitong.process.tests.test_migrating import carry, deployed, done

__all__ = ["calendar"]
pytestmark = pytest.mark.django_db

PHASES = """
start Start clerk
user A clerk form=a phase=front
user B installer form=b phase=front suspend-reasons=away
user C service form=c phase=back
end End clerk
Start > A > B > C > End
"""
PARAMETERS = {
    **GIVEN,
    "phases": {
        "front": {"title": "前台阶段", "budget": "front_within", "levels": "front_levels"},
        "back": {"title": "后台阶段", "budget": "back_within"},
    },
    "back_within": {"kind": "elapsed", "amount": "8 hours"},
}


def phases(instance_id):
    rows = Phase.objects.filter(instance_id=instance_id).order_by("key")
    return {row.key: (row.created_at, row.due_at, row.ended_at) for row in rows}


def notes(crew, text, instance_id):
    """What the dry run says of the instance."""
    (plan,) = migrating.plans(crew.supervisor, deployed(text))
    assert plan.instance_id == instance_id
    return [*map(str, plan.plan.faults), *plan.plan.notes]


class TestPhases:
    def test_a_step_of_another_phase_ends_one_and_begins_the_other(self, begin, crew, calendar):
        with frozen(MONDAY):
            instance_id = begin(PHASES, parameters=PARAMETERS)
            done(crew.clerk, instance_id, "A")
        later = PHASES.replace("form=b phase=front", "form=b phase=back")
        with frozen(MONDAY + HOUR):
            told = notes(crew, later, instance_id)
            assert told == ["B环节：阶段由 front 改为 back，阶段时限从首次到达起重算。"]
            assert "back" not in phases(instance_id)
            carry(crew, instance_id, later)
        # B was reached on Monday at nine: the new phase counts from there
        assert phases(instance_id)["back"] == (MONDAY, MONDAY + 8 * HOUR, None)
        assert phases(instance_id)["front"][2] == MONDAY + HOUR
        with frozen(MONDAY + 2 * HOUR):
            done(crew.installer, instance_id, "B")
        assert phases(instance_id)["back"][2] is None  # C is of it too
        with frozen(MONDAY + 3 * HOUR):
            done(crew.service, instance_id, "C")
        assert phases(instance_id)["back"][2] == MONDAY + 3 * HOUR

    def test_a_phase_that_had_none_is_counted_with_the_ledger_of_its_work(
        self, begin, crew, calendar
    ):
        old = PHASES.replace(" phase=front", "")
        later = old.replace("form=b", "form=b phase=back")
        with frozen(MONDAY):
            instance_id = begin(old, parameters=PARAMETERS)
            done(crew.clerk, instance_id, "A")
            item = item_of(instance_id, "B")
            services.claim(actor=crew.installer, item_id=item.pk)
            services.suspend(
                actor=crew.installer, item_id=item.pk, reason_code="away", until=MONDAY + 9 * HOUR
            )
        with frozen(MONDAY + 2 * HOUR):
            services.resume(actor=crew.installer, item_id=item.pk)
        with frozen(MONDAY + 3 * HOUR):
            assert phases(instance_id) == {}
            carry(crew, instance_id, later)
        assert phases(instance_id) == {"back": (MONDAY, MONDAY + 10 * HOUR, None)}
        line = History.objects.get(instance_id=instance_id, kind="phase-recounted")
        assert (line.data["phase"], line.data["was"]) == ("back", None)

    def test_the_same_phase_with_an_earlier_step_begins_earlier(self, begin, crew, calendar):
        old = PHASES.replace("form=a phase=front", "form=a")
        with frozen(MONDAY):
            instance_id = begin(old, parameters=PARAMETERS)
        with frozen(MONDAY + 4 * HOUR):
            done(crew.clerk, instance_id, "A")
        assert phases(instance_id)["front"][0] == MONDAY + 4 * HOUR
        with frozen(MONDAY + 5 * HOUR):
            carry(crew, instance_id, PHASES)
        assert phases(instance_id)["front"][0] == MONDAY
        assert phases(instance_id)["front"][2] is None

    def test_left_alone_where_nothing_changed(self, begin, crew, calendar):
        with frozen(MONDAY):
            instance_id = begin(PHASES, parameters=PARAMETERS)
        before = phases(instance_id)
        with frozen(MONDAY + HOUR):
            carry(crew, instance_id, PHASES.replace("user C service form=c", "manual C service"))
        assert phases(instance_id) == before
        assert not History.objects.filter(instance_id=instance_id, kind="phase-recounted").exists()


THREE = """
start S n
and Fork n
user A clerk form=a
user B installer form=b
user C service form=c
and Join n
user D clerk form=d
end E n
S > Fork > A > Join > D > E
Fork > B > Join
Fork > C > Join
"""


class TestJoins:
    def test_complete_by_the_new_version_it_goes_on_at_once(self, begin, crew):
        # the branch of C leads elsewhere now, to an end of its own
        later = THREE.replace("Fork > C > Join", "end E2 n\nFork > C > E2")
        instance_id = begin(THREE)
        done(crew.clerk, instance_id, "A")
        done(crew.installer, instance_id, "B")
        assert notes(crew, later, instance_id) == [
            "Join环节：要等的分支已经齐了，迁移后接着往下走。"
        ]
        assert not Token.objects.filter(instance_id=instance_id, node="D").exists()
        carry(crew, instance_id, later)
        at = Token.objects.filter(instance_id=instance_id).values_list("node", flat=True)
        assert sorted(at) == ["C", "D"]
        done(crew.clerk, instance_id, "D")
        done(crew.service, instance_id, "C")
        assert Instance.objects.get(pk=instance_id).state == "completed"

    def test_not_complete_yet_the_dry_run_says_how_many(self, begin, crew):
        later = THREE.replace("Fork > C > Join", "end E2 n\nFork > C > E2")
        instance_id = begin(THREE)
        done(crew.clerk, instance_id, "A")
        (told,) = notes(crew, later, instance_id)
        assert told.endswith("由等 3 个分支改为等 2 个，还差 1 个。")
        carry(crew, instance_id, later)
        at = Token.objects.filter(instance_id=instance_id).values_list("node", flat=True)
        assert sorted(at) == ["B", "C", "Join"]

    def test_two_branches_that_come_by_one_flow_are_refused(self, begin, crew):
        later = THREE.replace(
            "Fork > A > Join > D > E\nFork > B > Join",
            "Fork > A > Near\nFork > B > Near > Join > D > E",
        ).replace("and Join n", "and Join n\nxor Near n")
        instance_id = begin(THREE)
        done(crew.clerk, instance_id, "A")
        done(crew.installer, instance_id, "B")
        with pytest.raises(Refused, match="从同一个流向来"):
            carry(crew, instance_id, later, {"f3": "f6", "f7": "f6"})


MANY = """
start S n
{ Room n each=rooms item=room result=port results=ports
start R0 n
user Fit installer form=f
end R1 n
}
end E n
S > Room > E
R0 > Fit > R1
"""


class TestRepetition:
    @pytest.mark.parametrize(
        ("later", "told"),
        [
            (MANY.replace("item=room", "item=flat"), "取值变量由 room 改为 flat"),
            (MANY.replace("result=port ", "result=line "), "结果变量由 port 改为 line"),
            (MANY.replace(" each=rooms item=room result=port results=ports", ""), "不再重复"),
            (
                MANY.replace("each=rooms item=room result=port results=ports", "again=more=true"),
                "由多实例改成了循环",
            ),
        ],
    )
    def test_what_cannot_go_on_is_refused_by_name(self, begin, crew, later, told):
        instance_id = begin(MANY, rooms=["一", "二"])
        before = Instance.objects.get(pk=instance_id).version
        (fault,) = [line for line in notes(crew, later, instance_id) if "Room" in line]
        assert told in fault
        with pytest.raises(Refused, match=told):
            carry(crew, instance_id, later)
        assert Instance.objects.get(pk=instance_id).version == before

    def test_another_name_of_the_list_of_results_is_taken(self, begin, crew):
        instance_id = begin(MANY, rooms=["一"])
        carry(crew, instance_id, MANY.replace("results=ports", "results=lines"))
        done(crew.installer, instance_id, "Fit", port=7)
        assert Instance.objects.get(pk=instance_id).variables["lines"] == [7]
