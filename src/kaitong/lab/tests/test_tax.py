"""The lab's tax platform: started and ended, its store survives, Kaitong is told where it is."""

from __future__ import annotations

import pytest

from kaitong.charging.models import TaxPlatform
from kaitong.charging.tax import Asked, PlatformAway, PlatformRefused, SignedHttp
from kaitong.lab import tax
from kaitong.lab.tax import TaxLab, TaxSettings


def asked(key: str = "k", **more) -> Asked:
    given = {
        "kind": "blue", "amount_fen": 500, "lines": [("安装费", 500)], "buyer_name": "王明远",
        "buyer_number": "", "seller_name": "卖方", "seller_number": "n", "red_of": "",
    }  # fmt: skip
    return Asked(key=key, **{**given, **more})


def test_up_answers_and_what_it_issued_outlives_it(tmp_path):
    lab = TaxLab(tmp_path)
    assert lab.settings() is None
    settings = lab.up()
    try:
        assert lab.running()
        assert lab.up() == settings  # again changes nothing
        speaker = SignedHttp(settings.url, settings.secret)
        first = speaker.issue(asked())
        assert "测试" in first.platform
        assert speaker.issue(asked("k2")).number != first.number
        with pytest.raises(PlatformAway, match="签名不符"):
            SignedHttp(settings.url, "another").issue(asked("k3"))
        with pytest.raises(PlatformRefused, match="没有这张蓝字"):
            speaker.issue(asked("k4", kind="red", red_of="none"))
        assert lab.down()
        assert not lab.running()
        assert not lab.down()
        with pytest.raises(PlatformAway, match="没有应答"):
            speaker.issue(asked())
        again = lab.up()
        assert SignedHttp(again.url, again.secret).issue(asked()).number == first.number
        assert lab.books().count() == 2
    finally:
        lab.down()


@pytest.mark.django_db
def test_kaitong_is_told_where_it_is_and_when_it_moves(county):
    assert tax.register(TaxSettings(4711, "s"))
    assert tax.register(TaxSettings(4712, "t"))
    row = TaxPlatform.objects.get()
    assert (row.url, row.secret, row.is_test) == ("http://127.0.0.1:4712", "t", True)


@pytest.mark.django_db
def test_without_a_branch_there_is_nobody_to_tell(db):
    assert not tax.register(TaxSettings(4711, "s"))
