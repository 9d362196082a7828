"""满意度 (HALL-11, QA-07, BB-14): asked by link, at the hall's device and by telephone; answered
once; a bad score is somebody's work; what was said stands in the figures."""

from __future__ import annotations

import logging
import re
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from kaitong.assurance.models import Fault, Handling
from kaitong.core import horizon
from kaitong.core.clock import frozen, now
from kaitong.core.ids import uuid7
from kaitong.core.logs import without_secret_links
from kaitong.hall import services as hall
from kaitong.messaging import services as messaging
from kaitong.messaging.errors import NoticeConflict
from kaitong.messaging.models import Notice
from kaitong.org.actor import Actor
from kaitong.party.models import Party
from kaitong.process import queries as process
from kaitong.reporting import opinions
from kaitong.reporting import services as reporting
from kaitong.reporting.checking import check
from kaitong.reporting.models import OpinionFact
from kaitong.reporting.queries import Asked, this_start
from kaitong.surveys import asking, links, schema
from kaitong.surveys import services as surveys
from kaitong.surveys.errors import SurveyOver
from kaitong.surveys.models import Answer, Invitation, Mark
from kaitong.web.tests import fault_world as faults

DAY = timedelta(days=1)
GOOD = {"overall": "5", "first_contact": "yes", "words": "师傅很好，我电话13812345678"}
BAD = {"overall": "2", "reason": "time.slow", "words": "等了三天"}


@pytest.fixture
def public(settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://kaitong.example"]


@pytest.fixture
def opened(world, public):
    """A line was opened, and its customer is sent a link; the order, and the link."""
    line = world.line(1)
    assert asking.ask(asking.events([line.order_id])) == 1
    return line, link()


def link() -> str:
    text = Notice.objects.filter(kind="survey").latest("id").text
    return re.search(r"https://kaitong\.example(/s/\w+)", text)[1]


def work_about(row: Invitation) -> list[str]:
    rows = process.open_items_of(Actor.system(), [row.pk]).get(row.pk, [])
    return [one.node for one in rows]


@pytest.mark.django_db
def test_a_link_is_answered_once_and_a_bad_score_is_work(world, opened, signed_in):
    line, url = opened
    row = Invitation.objects.get()
    assert (row.source, row.way, row.state) == ("order", "link", "open")
    assert url.rpartition("/")[2].encode() not in bytes(row.token_digest)  # a digest is kept
    assert asking.ask(asking.events([line.order_id])) == 0  # the same event again
    notice = Notice.objects.get(kind="survey")
    with pytest.raises(NoticeConflict):  # nobody of the staff reads a link, or has it sent again
        messaging.reveal_text(actor=world.actor("supervisor"), notice_id=notice.pk, reason="x")

    anybody = Client()
    for _time in range(2):  # opening it uses nothing up
        page = anybody.get(url)
        assert "您对这次服务满意吗？" in page.content.decode()
    assert page["Referrer-Policy"] == "same-origin"
    assert "no-store" in page["Cache-Control"]
    for given, wrong in (({}, "还没有打分"), ({"overall": "9"}, "还没有打分"),
                         ({"overall": "1", "reason": "x.y"}, "没有这个原因"),
                         ({"overall": "1", "words": "长" * 301}, "写得太长")):  # fmt: skip
        refused = anybody.post(url, given)
        assert refused.status_code == 422
        assert wrong in refused.content.decode()
    assert not Answer.objects.exists()

    assert "尽快联系您" in anybody.post(url, BAD).content.decode()
    again = anybody.post(url, GOOD).content.decode()
    assert "这次评价已经提交过了" in again
    answer = Answer.objects.get()
    assert (answer.score, answer.bad, answer.reason_title) == (2, True, "时间：等得太久")
    assert "这次评价已经提交过了" in anybody.get(url).content.decode()

    row.refresh_from_db()
    assert work_about(row) == ["AskUnhappy"]
    care = signed_in("service")
    item = faults.item(row.pk, "AskUnhappy")
    drawer = care.get(f"/work/?item={item}").content.decode()
    assert "客户打 2 分" in drawer
    assert "等了三天" in drawer
    assert row.number in care.get("/work/").content.decode()
    done = care.post(
        f"/work/{item}/complete",
        {"reached": "yes", "outcome": "ticket", "outcome_note": "要求减免"},
    )
    assert done.status_code in (200, 302), done.content.decode()[:500]
    row.refresh_from_db()
    ticket = Fault.objects.get()
    assert (row.outcome, row.ticket_id, row.outcome_note) == ("ticket", ticket.pk, "要求减免")
    assert (ticket.kind, ticket.party_id) == ("complaint", line.customer_id)
    assert "满意度 2 分" in ticket.description

    desk = care.get(f"/surveys/?tab=bad&item={row.pk}").content.decode()
    for word in ("等了三天", "要求减免", "转投诉处理", ticket.pk.hex[:4]):
        assert word in desk
    mine = signed_in("clerk").get(f"/customers/{line.customer_id}/?tab=surveys").content.decode()
    assert "新装满意度" in mine
    assert signed_in("installer").get("/surveys/").status_code == 403
    assert (
        signed_in("foreigner").get(f"/surveys/?item={row.pk}").content.decode().count("等了") == 0
    )


@pytest.mark.django_db
def test_who_wants_it_handled_gets_a_ticket_at_once(opened):
    _line, url = opened
    Client().post(url, {**BAD, "wants": "yes"})
    row = Invitation.objects.get()
    assert work_about(row) == []
    assert (row.outcome, Fault.objects.get().pk) == ("ticket", row.ticket_id)


@pytest.mark.django_db
def test_links_nobody_was_sent_lead_nowhere_and_trying_ends(opened, settings):
    _line, url = opened
    record = logging.makeLogRecord({"msg": "Unprocessable: %s", "args": (url,)})
    for name in settings.LOGGING["handlers"]["console"]["filters"]:
        settings.LOGGING["filters"][name]["callback"](record)
    assert record.getMessage() == "Unprocessable: /s/…"  # no log has a link that is still good
    guesser = Client(REMOTE_ADDR="203.0.113.9")
    for n in range(links.WRONG):
        told = guesser.get("/s/" + links.SIGNS[n] * 16)
        assert told.status_code == 404
        assert "这个链接不对，或已经失效" in told.content.decode()
    assert guesser.get("/s/" + "a" * 16).status_code == 429
    assert guesser.get(url).status_code == 200  # many share an address: who has a link is let in
    wrong = "/s/" + "b" * 16
    assert Client(REMOTE_ADDR="203.0.113.10").get(wrong).status_code == 404
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    proxied = {"HTTP_X_FORWARDED_FOR": "203.0.113.10, 203.0.113.9"}  # what is added last counts
    assert Client(REMOTE_ADDR="127.0.0.1", **proxied).get(wrong).status_code == 429
    with frozen(now() + links.WINDOW):
        assert guesser.get(wrong).status_code == 404


@pytest.mark.django_db
def test_one_person_is_asked_once_in_thirty_days_and_only_of_what_is_fresh(world, public):
    first, second = world.line(1), world.line(2)
    assert asking.ask(asking.events([first.order_id, second.order_id])) == 2
    (event,) = asking.events([first.order_id])
    other = {name: getattr(event, name) for name in event.__slots__} | {"key": "order:another"}
    assert asking.ask([asking.Event(**other)]) == 0
    with frozen(now() + 31 * DAY):
        assert asking.ask([asking.Event(**other)]) == 0  # too long ago
        assert asking.ask([asking.Event(**other | {"at": now()})]) == 1


@pytest.mark.django_db
def test_what_happened_is_found_and_nobody_is_asked_of_what_was_before(world, public, monkeypatch):
    monkeypatch.setattr(horizon, "SLACK", timedelta())
    before = world.line(1)
    assert surveys.look() == 0  # the first look: from now on
    line = world.line(2)
    assert surveys.look() == 1
    assert Invitation.objects.get().business_id == line.order_id != before.order_id
    assert surveys.look() == 0
    Mark.objects.update(at=now() - DAY)  # as if it had died before it was remembered
    Invitation.objects.exclude(business_id=line.order_id).delete()
    surveys.look()
    assert Invitation.objects.filter(business_id=line.order_id).count() == 1


@pytest.mark.django_db
def test_who_does_not_answer_is_called(world, opened, signed_in):
    _line, url = opened
    row = Invitation.objects.get()
    with frozen(row.expires_at + timedelta(minutes=1)):
        assert surveys.expire() == 1
        assert surveys.expire() == 0
        assert Client().get(url).status_code == 404
        row.refresh_from_db()
        assert (row.state, row.way) == ("open", "call")
        care, boss = signed_in("service"), signed_in("supervisor")
        listed = care.get("/surveys/").content.decode()
        assert "新装满意度" in listed
        assert "13855900001" not in listed
        assert signed_in("foreigner").post(f"/surveys/{row.pk}/take").status_code == 404
        taken = care.post(f"/surveys/{row.pk}/take").content.decode()
        assert "13855900001" in taken  # and this is a recorded act
        assert "正在回访这位客户" in boss.post(f"/surveys/{row.pk}/take").content.decode()
        record = f"/surveys/{row.pk}/record"
        refused = care.post(record, {"seen": "0", "result": "answered"})
        assert refused.status_code == 422
        care.post(record, {"seen": "0", "result": "missed"})
        assert care.post(record, {"seen": "0", "result": "missed"}).status_code == 409
        row.refresh_from_db()
        assert (row.tries, row.state) == (1, "open")
        care.post(record, {"seen": "1", "result": "answered", **GOOD})
        row.refresh_from_db()
        assert (row.state, row.answer.score, row.calls.count()) == ("answered", 5, 2)
        shown = care.get(f"/surveys/?tab=answered&item={row.pk}").content.decode()
        assert "师傅很好" in shown
        assert "13812345678" not in shown  # a number in somebody's words is masked


@pytest.mark.django_db
def test_three_calls_in_vain_are_enough(world, opened):
    row = Invitation.objects.get()
    care = world.actor("service")
    with frozen(row.expires_at + timedelta(minutes=1)):
        surveys.expire()
        for n in range(3):
            surveys.record(actor=care, invitation_id=row.pk, seen=n, result="missed", given={})
        row.refresh_from_db()
        assert (row.state, row.tries) == ("unreached", 3)
        with pytest.raises(SurveyOver):
            surveys.record(actor=care, invitation_id=row.pk, seen=3, result="missed", given={})


@pytest.mark.django_db
def test_who_was_served_rates_it_at_the_counter(world, greeter, clerk, signed_in):
    clerk.post("/queue/sit", {"counter": "2", "kinds": ["pay"]})
    ticket = hall.take(actor=world.actor("clerk"), kind="pay", key=str(uuid7()))
    clerk.post("/queue/next")
    for verb in ("begin", "end"):
        clerk.post(f"/queue/{ticket.pk}/{verb}")
    assert "/queue/rate/?counter=2" in clerk.get("/queue/").content.decode()
    listed = greeter.get("/queue/rate/?counter=2").content.decode()
    assert ticket.number in listed
    assert ticket.number not in greeter.get("/queue/rate/?counter=3").content.decode()
    row = Invitation.objects.get()
    url = f"/queue/rate/{row.pk}/"
    assert signed_in("foreigner").get(url).status_code in (403, 404)
    assert greeter.post(url, {}).status_code == 422
    assert "谢谢" in greeter.post(url, {"overall": "4", "once": "yes"}).content.decode()
    assert greeter.post(url, {"overall": "1"}).status_code == 409
    assert (row.answer.score, row.answer.answers) == (4, {"once": "yes"})
    assert row.person_id == world.actor("clerk").id
    assert surveys.served(ticket.pk) == 0


@pytest.mark.django_db
def test_what_was_said_stands_in_the_figures(world, opened, signed_in, queries_of):
    _line, url = opened
    other = world.line(2)
    asking.ask(asking.events([other.order_id]))
    Client().post(url, BAD)
    reporting.fold()
    assert OpinionFact.objects.count() == 2
    assert check() == []
    week = Asked(grain="w", start=this_start("w"))
    boss = world.actor("supervisor")
    ((_start, bucket),) = opinions.by_source(boss, week, since=week.start)["order"].items()
    assert bucket.sums == {
        "n": 2, "reached": 1, "answered": 1, "score": 2, "content": 0, "unhappy": 1,
    }  # fmt: skip
    page = signed_in("supervisor").get("/figures/?action=all").content.decode()
    part = page[page.index('id="t-opinion"') :].split("</section>")[0]
    assert re.search(r"业务办理.*?>2<.*?50\.0%.*?50\.0%.*?2\.00.*?0\.0%.*?100\.0%", part, re.S)
    assert "等得太久" in page[page.index('id="t-opinion-reason"') :].split("</section>")[0]
    reporting.recount()
    assert check() == []


@pytest.mark.django_db(transaction=True)
def test_two_answers_at_once_are_one_and_so_are_two_questions(world, public):
    line = world.line(1)
    told = asking.events([line.order_id])
    assert sum(_at_once(lambda: asking.ask(told))) == 1
    token = link().rpartition("/")[2]
    _at_once(lambda: surveys.answer_link(token=token, given=BAD))
    assert Answer.objects.count() == 1
    assert len(work_about(Invitation.objects.get())) == 1


def _at_once(act, times: int = 3) -> list:
    gate, found = threading.Barrier(times), []

    def run() -> None:
        gate.wait()
        try:
            found.append(act())
        except Exception as refused:
            found.append(refused)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _n in range(times)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return [one for one in found if not isinstance(one, Exception)]


@pytest.mark.django_db
def test_a_link_that_is_over_speaks_the_customers_language_and_no_log_has_it(world, public):
    line = world.line(1)
    Party.objects.filter(pk=line.customer_id).update(language="en")
    asking.ask(asking.events([line.order_id]))
    url = link()
    refused = Client(enforce_csrf_checks=True).post(url, GOOD)
    assert (refused.status_code, "回工作台" in refused.content.decode()) == (403, False)
    Client().post(url, GOOD | {"wants": "yes"})
    assert Answer.objects.get().answers == {"first_contact": "yes"}
    again = Client().get(url).content.decode()
    assert ("Thank you" in again, "评价" in again) == (True, False)
    record = logging.makeLogRecord({"msg": "Not Found: %s", "args": (f"{url}/x",)})
    without_secret_links(record)
    assert record.getMessage() == "Not Found: /s/…"


@pytest.mark.django_db
def test_what_a_customer_wants_handled_outlives_another_list_of_complaints(opened):
    _line, url = opened
    for row in Handling.objects.all():  # a version since calls its complaints otherwise
        row.content["complaints"] = [{"key": "other", "title": "其他", "severity": "minor"}]
        row.save()
    Client().post(url, {**BAD, "wants": "yes"})
    assert Fault.objects.get().symptom == "other"


@pytest.mark.parametrize(
    ("key", "wrong"), [("reason", 1), ("result", 1), ("score", 1), ("once", 0)]
)
def test_a_question_takes_no_name_of_the_forms_own(key, wrong):
    questions = [{"key": "overall", "kind": "score"}, {"key": key, "kind": "yes-no"}]
    ask = {
        "key": "a", "when": "hall-served", "by": "device", "within": "d", "questions": questions,
    }  # fmt: skip
    content = {
        "posts": {"care": {}}, "surveys": {"desk": ["care"], "again-after": "n", "asks": [ask]},
        "parameters": {"d": {"kind": "elapsed"}, "n": {"kind": "count"}},
    }  # fmt: skip
    assert len(list(schema.faults(content, {}))) == wrong
