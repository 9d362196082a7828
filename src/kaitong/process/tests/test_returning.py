"""退回: what is undone is told first and is what happens; a changed situation is refused."""

from __future__ import annotations

import pytest

from kaitong.core.errors import Conflict, Forbidden, NotFound, Refused
from kaitong.process import actions, queries, services, worker
from kaitong.process.models import History, Instance, Token
from kaitong.process.tests.shell_kit import external, item_of, transactional
from kaitong.process.tests.test_concurrency import at_once

pytestmark = pytest.mark.django_db

# Two branches; the second one's work ends with a return to before the fork.
FORKED = """
start S clerk
user Check clerk form=a
service Take network action=take compensate=give-back
service Write network action=write
and Fork clerk
user Visit installer form=b
user Papers service form=c
and Join clerk
user After clerk form=d
end E clerk
S > Check > Take > Write > Fork > Visit > Join > After > E
Fork > Papers > Join
"""


@pytest.fixture
def acts():
    """What the actions did, in order; `give-back` may be told to fail."""
    done: list[str] = []
    failing: list[Exception] = []

    def act(name):
        def run(context):
            if name == "give-back" and failing:
                raise failing[0]
            done.append(f"{name} {context.inputs}")
            return {"port": None} if name == "give-back" else {"port": 7} if name == "take" else {}

        return run

    names = ("take", "give-back")
    with actions.installed(
        *(transactional(n, act(n)) for n in names), external("write", act("write"))
    ):
        yield done, failing


@pytest.fixture
def visiting(begin, crew, acts):
    instance_id = begin(FORKED)
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
    worker.drain_all()
    return instance_id


def test_the_plan_tells_what_happens_and_it_happens(visiting, crew, acts):
    done, _failing = acts
    visit = item_of(visiting, "Visit")
    services.claim(actor=crew.installer, item_id=visit.pk)
    services.claim(actor=crew.service, item_id=item_of(visiting, "Papers").pk)
    before = History.objects.filter(instance_id=visiting).count()
    plan = queries.return_plan(crew.installer, visit.pk)
    assert History.objects.filter(instance_id=visiting).count() == before  # nothing was changed
    assert plan.targets == (("Check", "Check环节"),)
    assert [(a.node, a.machine, a.person_name) for a in plan.again] == [
        ("Check", False, "clerk"),
        ("Take", True, ""),
        ("Write", True, ""),
    ]
    assert [(w.node, w.kind, w.person_name) for w in plan.ends] == [("Papers", "work", "service")]
    assert plan.stays == ()
    assert [(e.node, e.undone_by) for e in plan.effects] == [("Take", "give-back"), ("Write", "")]
    assert (plan.post, plan.person, plan.person_name) == ("clerk", crew.clerk.id, "clerk")

    services.return_to(
        actor=crew.installer,
        item_id=visit.pk,
        node="Check",
        reason="地址不对",
        expected=plan.fingerprint,
    )
    assert [line.split()[0] for line in done] == ["take", "write", "give-back"]
    assert Instance.objects.get(pk=visiting).variables["port"] is None
    assert {t.node for t in Token.objects.filter(instance_id=visiting)} == {"Check"}
    assert item_of(visiting, "Papers").state == "cancelled"
    back = item_of(visiting, "Check")
    assert (back.state, back.candidate, back.returned_from) == ("todo", crew.clerk.id, "Visit")
    line = History.objects.get(instance_id=visiting, kind="returned", data__has_key="item")
    assert (line.data["to"], line.data["reason"]) == ("Check", "地址不对")
    assert (line.data["again"], line.data["ended"]) == (["Check", "Take", "Write"], ["Papers"])
    assert line.data["undone"] == ["Take"]
    assert History.objects.filter(instance_id=visiting, kind="compensated").count() == 1


def test_what_was_done_before_a_second_return_is_not_told_again(visiting, crew, acts):
    services.return_to(
        actor=crew.installer, item_id=item_of(visiting, "Visit").pk, node="Check", reason="x"
    )
    services.complete(actor=crew.clerk, item_id=item_of(visiting, "Check").pk, values={})
    worker.drain_all()
    plan = queries.return_plan(crew.installer, item_of(visiting, "Visit").pk)
    assert [a.node for a in plan.again] == ["Check", "Take", "Write"]
    assert plan.since is not None
    assert plan.again[0].at > plan.since


def test_inside_a_branch_the_other_branch_stays(begin, crew, acts):
    instance_id = begin(
        """
start S clerk
and Fork clerk
user A clerk form=a
user B clerk form=b
user C installer form=c
and Join clerk
user After clerk form=d
end E clerk
S > Fork > A > B > Join > After > E
Fork > C > Join
"""
    )
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "A").pk, values={})
    plan = queries.return_plan(crew.clerk, item_of(instance_id, "B").pk)
    assert (plan.ends, [w.node for w in plan.stays]) == ((), ["C"])
    services.return_to(
        actor=crew.clerk,
        item_id=item_of(instance_id, "B").pk,
        node="A",
        reason="x",
        expected=plan.fingerprint,
    )
    assert item_of(instance_id, "C").state == "todo"


def test_a_changed_situation_is_refused(visiting, crew, acts):
    done, _failing = acts
    visit = item_of(visiting, "Visit")
    plan = queries.return_plan(crew.installer, visit.pk)
    services.complete(actor=crew.service, item_id=item_of(visiting, "Papers").pk, values={})
    lines = History.objects.filter(instance_id=visiting).count()
    with pytest.raises(Conflict, match="刚刚有变化"):
        services.return_to(
            actor=crew.installer,
            item_id=visit.pk,
            node="Check",
            reason="x",
            expected=plan.fingerprint,
        )
    assert item_of(visiting, "Visit").state == "todo"
    assert History.objects.filter(instance_id=visiting).count() == lines
    assert len(done) == 2  # nothing was given back


def test_a_compensation_that_fails_refuses_the_return(visiting, crew, acts):
    done, failing = acts
    failing.append(Refused("端口正在使用。"))
    before = Instance.objects.get(pk=visiting).version
    with pytest.raises(Refused, match=r"Take环节撤销不了：端口正在使用"):
        services.return_to(
            actor=crew.installer, item_id=item_of(visiting, "Visit").pk, node="Check", reason="x"
        )
    assert Instance.objects.get(pk=visiting).version == before
    assert item_of(visiting, "Visit").state == "todo"
    assert len(done) == 2


def test_who_may_look_at_the_plan(visiting, crew, acts):
    visit = item_of(visiting, "Visit").pk
    with pytest.raises(NotFound):
        queries.return_plan(crew.stranger, visit)
    with pytest.raises(Forbidden):
        queries.return_plan(crew.clerk, visit)
    with pytest.raises(Refused, match="不能退回"):
        queries.return_plan(crew.installer, visit, "After")


@pytest.mark.django_db(transaction=True)
def test_two_returns_at_once_and_a_completion_beside_them(begin, crew, acts):
    instance_id = begin(FORKED)
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
    worker.drain_all()
    visit = item_of(instance_id, "Visit").pk
    plan = queries.return_plan(crew.supervisor, visit)

    def back():
        return services.return_to(
            actor=crew.supervisor,
            item_id=visit,
            node="Check",
            reason="x",
            expected=plan.fingerprint,
        )

    outcomes = at_once(back, back, back)
    won = [o for o in outcomes if isinstance(o, services.Progress)]
    assert len(won) == 1
    assert all(isinstance(o, Conflict) for o in outcomes if o not in won)
    assert Token.objects.filter(instance_id=instance_id).count() == 1


# What the return undoes by `compensate`, and compensation by its handler: whichever is first.
BOTH = """
start S clerk
user Check clerk form=a
service Take network action=take compensate=give-back
on-undo UndoTake network host=Take by=Free
user Free installer form=f undoes=1
user Visit installer form=b
xor Ok clerk
undo Back clerk
user Again clerk form=d
end E clerk
S > Check > Take > Visit > Ok
Ok > Back : bad = true
Ok !> E
Back > Again > E
"""


def both(begin, crew, **visit):
    instance_id = begin(BOTH)
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
    return instance_id


def test_what_the_return_undid_compensation_does_not_undo_again(begin, crew, acts):
    done, _failing = acts
    instance_id = both(begin, crew)
    services.return_to(
        actor=crew.installer, item_id=item_of(instance_id, "Visit").pk, node="Check", reason="x"
    )
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
    services.complete(
        actor=crew.installer, item_id=item_of(instance_id, "Visit").pk, values={"bad": True}
    )
    services.complete(actor=crew.installer, item_id=item_of(instance_id, "Free").pk, values={})
    assert item_of(instance_id, "Again").state == "todo"
    assert [line.split()[0] for line in done] == ["take", "give-back", "take"]


def test_what_compensation_undid_the_return_does_not_undo_again(begin, crew, acts):
    done, _failing = acts
    instance_id = both(begin, crew)
    services.complete(
        actor=crew.installer, item_id=item_of(instance_id, "Visit").pk, values={"bad": True}
    )
    services.complete(actor=crew.installer, item_id=item_of(instance_id, "Free").pk, values={})
    plan = queries.return_plan(crew.clerk, item_of(instance_id, "Again").pk, "Check")
    assert [(e.node, e.undone_by, e.already) for e in plan.effects] == [("Take", "", True)]
    assert [a.node for a in plan.again] == ["Check", "Take", "Visit"]  # the handler is not
    services.return_to(
        actor=crew.clerk,
        item_id=item_of(instance_id, "Again").pk,
        node="Check",
        reason="x",
        expected=plan.fingerprint,
    )
    assert [line.split()[0] for line in done] == ["take"]
    assert item_of(instance_id, "Check").state == "todo"


def test_what_a_branch_was_undoing_is_told_and_kept(begin, crew, acts):
    _done, _failing = acts
    instance_id = begin(
        """
start S clerk
user Check clerk form=a
user Build installer form=c
on-undo UndoBuild installer host=Build by=Dismantle
user Dismantle installer form=f undoes=1
and Fork clerk
user Talk clerk form=b
undo Back clerk
and Join clerk
end E clerk
S > Check > Build > Fork > Talk > Join > E
Fork > Back > Join
"""
    )
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
    services.complete(actor=crew.installer, item_id=item_of(instance_id, "Build").pk, values={})
    plan = queries.return_plan(crew.clerk, item_of(instance_id, "Talk").pk, "Check")
    assert [line.node for line in plan.ends] == ["Dismantle"]
    assert plan.undoing == ("Build环节",)
    services.return_to(
        actor=crew.clerk, item_id=item_of(instance_id, "Talk").pk, node="Check", reason="x"
    )
    kept = Instance.objects.get(pk=instance_id).scopes["scopes"]["root"]["done"]
    assert kept == [["Build", {}, [], True]]
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Check").pk, values={})
    services.complete(actor=crew.installer, item_id=item_of(instance_id, "Build").pk, values={})
    services.complete(actor=crew.installer, item_id=item_of(instance_id, "Dismantle").pk, values={})
    services.complete(actor=crew.clerk, item_id=item_of(instance_id, "Talk").pk, values={})
    assert Instance.objects.get(pk=instance_id).state == "completed"
