"""Long jobs: carried out by the worker, cancelled, taken up again when a worker died."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from kaitong.core.clock import now
from kaitong.core.errors import BadInput, Forbidden, NotFound
from kaitong.places.models import Address
from kaitong.transfer import jobs, queries, services
from kaitong.transfer.choices import JobState
from kaitong.transfer.models import Job
from kaitong.transfer.tests.kit import HEAD, room

pytestmark = pytest.mark.django_db(transaction=True)
GOOD = (HEAD + room(101) + room(102)).encode()
BAD = (HEAD + room(101) + room(102, coverage="也许")).encode()


def ask(keeper, data=GOOD, **options) -> Job:
    return services.ask_import(
        actor=keeper, kind="addresses", name="rooms.csv", data=data, **options
    )


def again(job) -> Job:
    return Job.objects.get(pk=job.pk)


def test_a_worker_carries_it_out(keeper):
    job = ask(keeper)
    assert (job.state, Address.objects.count()) == (JobState.QUEUED, 0)
    assert "安徽".encode() not in bytes(job.source)

    jobs.drain()

    done = again(job)
    assert (done.state, done.error) == (JobState.DONE, "")
    assert done.summary["added"] == 2
    assert (done.source, done.result) == (None, None)
    assert (done.done, done.stage) == (2, "写入")
    assert Address.objects.count() == 2
    jobs.run(job.pk)  # again changes nothing
    assert again(job).ended_at == done.ended_at


def test_faults_and_refused_rows_are_there_to_fetch(keeper, other_county, staff_of):
    stopped, skipped = ask(keeper, BAD), ask(keeper, BAD, skip_bad=True)
    jobs.drain()

    stopped, skipped = again(stopped), again(skipped)
    assert stopped.state == JobState.REFUSED
    assert [fault["row"] for fault in stopped.faults] == [3]
    assert "也许" in stopped.file("result").decode("utf-8-sig")
    assert (skipped.state, skipped.summary["added"], skipped.summary["refused"]) == ("done", 1, 1)
    assert skipped.result_name == "rooms-refused.csv"
    assert "102室" in skipped.file("result").decode()
    stranger = staff_of(other_county, "stranger", "resource")
    assert queries.jobs(stranger) == []
    with pytest.raises(NotFound):
        queries.own_job(stranger, skipped.pk)
    Job.objects.update(ended_at=now() - timedelta(days=8))
    assert jobs.forget_old() == 2
    assert again(skipped).result is None


def test_what_cannot_be_read_says_so(keeper):
    job = ask(keeper, b"\xff\xff,\xff")
    jobs.drain()
    assert (again(job).state, "GB18030" in again(job).error) == (JobState.FAILED, True)


def test_cancelled_before_and_while_it_runs(keeper, monkeypatch):
    waiting, running = ask(keeper), ask(keeper)
    services.cancel(actor=keeper, job_id=waiting.pk)

    def cancelled_meanwhile(**given):
        services.cancel(actor=keeper, job_id=running.pk)
        given["watch"].stage("x", 1)
        raise AssertionError

    monkeypatch.setattr(jobs, "bring_in", cancelled_meanwhile)
    jobs.drain()

    assert [again(job).state for job in (waiting, running)] == [JobState.CANCELLED] * 2
    assert not Address.objects.exists()


def test_a_job_whose_worker_died_is_taken_up_again(keeper):
    job = ask(keeper)
    Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING)
    with connection.cursor() as cursor:  # a worker took it, and was killed a minute ago
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - interval '1 minute') RETURNING id"
        )
        worker = cursor.fetchone()[0]
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s, attempts = 1"
            " WHERE queue_name = %s",
            [worker, jobs.QUEUE],
        )

    jobs.drain()

    assert again(job).state == JobState.DONE
    assert Address.objects.count() == 2


def test_who_may_ask_and_for_what(keeper, branch, staff_of):
    with pytest.raises(Forbidden):
        ask(staff_of(branch, "clerk1", "clerk"))
    with pytest.raises(BadInput):
        ask(keeper, b"")
    with pytest.raises(BadInput):
        ask(keeper, b"x" * (services.LARGEST_UPLOAD + 1))
    assert not Job.objects.exists()
