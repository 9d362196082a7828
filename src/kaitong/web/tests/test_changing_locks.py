"""Each flow of the shipped playbook and each proof it asks for: wrong answers lock, and a state
that changes while it is looked at is never told as it was."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml

from kaitong.charging import services as charging
from kaitong.core import clock
from kaitong.core.home import library
from kaitong.inventory import services as inventory
from kaitong.ordering import authenticating, changes
from kaitong.ordering.errors import BadOrder
from kaitong.ordering.life_plans import plan_of
from kaitong.ordering.models import Authentication, ServiceChange
from kaitong.org.actor import Actor
from kaitong.web.tests.test_changing import hidden, place
from kaitong.web.tests.world import resident_number

BOOK = yaml.safe_load((library() / "home-broadband" / "playbook.yaml").read_text())
LIMITS = BOOK["parameters"]["authentication"]["default"]
FLOWS = {
    key: process["counter"]["authenticate"]
    for key, process in BOOK["processes"].items()
    if process.get("counter", {}).get("authenticate")
}
WRONG = {
    "account-document": ("证件号码与开户登记的不符", {"document_number": resident_number(2)}),
    "account-password": ("密码不对", {"password": "not-his-password"}),
    "number-code": ("没有绑定在这条宽带上", {"bound_number": "13855900099", "code": "123456"}),
}


def stop(line) -> None:
    inventory.suspend(actor=Actor.system(), service_id=line.id, kind="request", reason="test")


def test_what_the_line_does_not_allow_is_told_and_nothing_is_compared(world, signed_in, part):
    line, clerk = world.line(), signed_in("clerk")
    for answer in WRONG.values():
        said = {"kind": "account-document", "account": line.account, **answer[1]}
        refused = clerk.post(place(line, "resume") + "prove", said, headers=part)
        assert (refused.status_code, "不能办理复机" in refused.content.decode()) == (422, True)
    assert not Authentication.objects.exists()


def test_a_clerk_resumes_a_line_and_who_may_not_is_turned_away(world, signed_in, part):
    line, clerk = world.line(), signed_in("clerk")
    stop(line)
    said = {
        "kind": "account-document",
        "account": line.account,
        "document_number": resident_number(1),
    }
    for who, status in (("installer", 403), ("foreigner", 404)):
        assert signed_in(who).get(place(line, "resume")).status_code == status
        answer = signed_in(who).post(place(line, "resume") + "prove", said, headers=part)
        assert answer.status_code == status
    html = clerk.post(place(line, "resume") + "prove", said, headers=part).content.decode()
    given = {**hidden(html), "reason": "customer.back"}
    done = clerk.post(place(line, "resume"), given, headers=part)
    change = ServiceChange.objects.select_related("item").get()
    assert done.headers["HX-Redirect"] == f"/orders/{change.item.order_id}/"
    assert (change.procedure, change.reason) == ("resume", "客户原因：恢复使用")


def test_each_counter_flow_names_how_its_customer_is_known():
    """None is without a proof but those that only machines ask for."""
    counters = {k: p["counter"] for k, p in BOOK["processes"].items() if "counter" in p}
    assert {k for k, c in counters.items() if not c.get("machine")} == set(FLOWS)
    assert len(FLOWS) >= 11


def test_wrong_answers_lock_each_flow_by_each_of_its_proofs(world, signed_in, part):
    """One line, one flow after the other, each in an hour of its own: what is locked for one is
    locked for all, and free again when the time is over."""
    line, clerk, tries = world.line(), signed_in("clerk"), LIMITS["tries"]
    charging.void_due(actor=Actor.system(), order_id=line.order_id)
    span = timedelta(minutes=2 * (LIMITS["locked_minutes"] + LIMITS["within_minutes"]))
    moment, counted = clock.now(), 0
    for flow, kinds in sorted(FLOWS.items(), key=lambda one: one[0] == "resume"):
        if flow == "resume":  # the last, for a line that stands still
            stop(line)
        if flow in ("end-part", "add-part", "change-case"):  # nothing to be had for this line
            continue
        for kind in kinds:
            fault, answer = WRONG[kind]
            wrong = {"kind": kind, "account": line.account, **answer}
            url, moment = place(line, flow) + "prove", moment + span
            with clock.frozen(moment):
                for _try in range(tries - 1):
                    with pytest.raises(BadOrder, match=fault) as refused:
                        authenticating.authenticate(
                            actor=world.actor("clerk"), service_id=line.id, kind=kind,
                            given=wrong, limits=LIMITS, procedure=flow,
                        )  # fmt: skip
                    assert "锁定" not in str(refused.value)
                html = clerk.post(url, wrong, headers=part).content.decode()
                assert fault in html, (flow, kind)
                assert f"锁定 {LIMITS['locked_minutes']} 分钟" in html, (flow, kind)
                counted += tries
                right = {**wrong, "document_number": resident_number(1)}
                locked = clerk.post(url, right, headers=part).content.decode()
                assert "鉴权错误次数过多" in locked, (flow, kind)
                assert "已通过" not in locked, (flow, kind)
            assert Authentication.objects.filter(ok=False).count() == counted, (flow, kind)
    assert not Authentication.objects.filter(ok=True).exists()
    assert not ServiceChange.objects.exists()


def test_a_change_that_ends_while_it_is_looked_is_read_with_what_it_did(
    world, signed_in, monkeypatch
):
    """Between looking for what is under way and reading the line, a suspension ends."""
    line, look = world.line(), changes.open_of
    answer = signed_in("clerk").get(place(line))
    assert "核对客户身份" in answer.content.decode()

    def ended_now(service_id, procedure=""):
        found = look(service_id, procedure)
        stop(line)
        return found

    monkeypatch.setattr(changes, "open_of", ended_now)
    plan = plan_of(world.actor("clerk"), line.id, "suspend")
    assert (str(plan.service.state), plan.possible) == ("inactive", False)
    assert "不能办理停机" in plan.refusal
