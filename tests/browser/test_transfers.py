"""Importing in a browser: faults at their place, the mended file goes in, nothing goes sideways."""

from __future__ import annotations

import pytest

from kaitong.places.models import Address
from kaitong.transfer import jobs
from kaitong.transfer.models import Job

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
HEAD = "Address code,Province,City,County,Township,Road or village,Estate or house,Coverage\n"
LINE = ",安徽省,黄山市,休宁县,海阳镇,新路,{}号,\n"


def test_a_file_with_faults_then_the_mended_one(county, sit, tmp_path, no_sideways):
    file = tmp_path / "addresses.csv"
    file.write_text(HEAD + LINE.format(1) + LINE.format(2).replace("海阳", "海洋"))
    page = sit("resource", language="en")
    page.get_by_role("link", name="Transfers").click()
    page.locator("#file").set_input_files(str(file))

    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("queued").wait_for()
    jobs.run(Job.objects.get().pk)

    page.get_by_text("has faults").wait_for()
    assert "E3" in page.locator(".kt-faults").inner_text()
    page.set_viewport_size({"width": 390, "height": 844})
    no_sideways(page)
    card = page.locator(".kt-job-long").first.bounding_box()
    assert card["x"] + card["width"] <= 390
    page.set_viewport_size({"width": 1440, "height": 900})
    assert not Address.objects.filter(road="新路").exists()

    file.write_text(HEAD + LINE.format(1) + LINE.format(2))
    page.locator("#file").set_input_files(str(file))
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("queued").wait_for()
    jobs.run(Job.objects.latest("created_at").pk)
    page.get_by_text("2 new, 0 changed").wait_for()
    assert Address.objects.filter(road="新路").count() == 2
