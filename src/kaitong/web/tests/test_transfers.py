"""The page of imports and exports, as a browser asks it."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from kaitong.places.models import Address
from kaitong.transfer import jobs
from kaitong.transfer.models import Job
from kaitong.transfer.watch import Nobody
from kaitong.web import exports
from kaitong.web.views import exports as export_views

LINE = ",安徽省,黄山市,休宁县,海阳镇,新路,{}号,,,,\n"
HEAD = "地址编码,省,市,区县,乡镇街道,道路或村,小区或门牌号,楼栋,单元,房号,覆盖\n"


class Untold(Nobody):
    """Nothing is told on a second connection, which would not see this test's rows."""

    def __init__(self, job_id):
        pass

    def close(self):
        pass


@pytest.fixture(autouse=True)
def untold(monkeypatch):
    monkeypatch.setattr(jobs, "_Telling", Untold)


def send(client, text: str, **more):
    file = SimpleUploadedFile("新路.csv", text.encode("gb18030"))
    return client.post("/transfers/import", {"kind": "addresses", "file": file, **more})


def test_upload_progress_faults_and_the_refused_rows(world, signed_in):
    client = signed_in("resource")
    assert "导入导出" in client.get("/work/").content.decode()
    assert "标准地址" in client.get("/transfers/").content.decode()

    sent = send(client, HEAD + LINE.format(1) + LINE.format(2).replace("海阳", "海洋"), bad="skip")

    assert "排队中" in sent.content.decode()
    job = Job.objects.get()
    jobs.run(job.pk)
    shown = client.get(
        "/transfers/", headers={"HX-Request": "true", "KT-Part": "jobs"}
    ).content.decode()
    assert "新增 1" in shown
    assert "E3" in shown
    assert "hx-trigger" not in shown  # nothing runs: nothing is asked again
    back = client.get(f"/transfers/{job.pk}/result")
    assert "attachment" in back["Content-Disposition"]
    assert "海洋镇" in back.content.decode("gb18030")
    assert Address.objects.filter(road="新路").count() == 1


def test_others_neither_see_nor_fetch(world, signed_in):
    send(signed_in("resource"), HEAD + LINE.format(1))
    job = Job.objects.get()
    clerk = signed_in("clerk")
    assert "/transfers/" not in clerk.get("/work/").content.decode()
    assert clerk.get("/transfers/template/plant.xlsx").status_code == 403
    assert "你的岗位不能导入" in send(clerk, HEAD + LINE.format(1)).content.decode()
    foreigner = signed_in("foreigner")
    assert foreigner.get(f"/transfers/{job.pk}/result").status_code == 404
    assert foreigner.post(f"/transfers/{job.pk}/cancel").status_code == 404
    assert Job.objects.count() == 1
    cancelled = signed_in("supervisor").post(f"/transfers/{job.pk}/cancel")
    assert "已取消" in cancelled.content.decode()


def test_templates_and_bad_kinds(world, signed_in):
    client = signed_in("supervisor")
    answer = client.get("/transfers/template/plant.xlsx")
    assert answer.content[:2] == b"PK"
    assert client.get("/transfers/template/nothing.xlsx").status_code == 404
    file = SimpleUploadedFile("a.csv", b"x")
    refused = client.post("/transfers/import", {"kind": "nothing", "file": file})
    assert refused.status_code == 200
    assert not Job.objects.exists()


@pytest.mark.parametrize("address", ["/orders/export.xlsx?tab=all", "/work/export.xlsx?tab=todo"])
def test_a_large_list_is_written_by_a_worker(world, signed_in, monkeypatch, address):
    world.order(3)
    monkeypatch.setattr(export_views.exports, "AS_JOB_FROM", 1)
    client = signed_in("installer")

    answer = client.get(address)

    assert (answer.status_code, answer.url) == (302, "/transfers/")
    job = Job.objects.get()
    jobs.run(job.pk)
    assert exports.AS_JOB_FROM == 1
    job.refresh_from_db()
    assert (job.state, job.summary) == ("done", {"rows": 1})
    assert client.get(f"/transfers/{job.pk}/result").content[:2] == b"PK"
    assert signed_in("supervisor").get(f"/transfers/{job.pk}/result").status_code == 404
