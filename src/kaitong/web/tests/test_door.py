"""Sign-in, lock-out, language and theme."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings

from kaitong.web.tests.world import PASSWORD

LOGIN = "/accounts/login/"


def test_the_door_asks_in_the_persons_language(client, db):
    zh = client.get(LOGIN, headers={"Accept-Language": "zh-CN"}).content.decode()
    assert "用户名" in zh
    assert '<html lang="zh-CN"' in zh


def test_a_wrong_password_is_said_and_the_name_stays(world, client):
    answer = client.post(LOGIN, {"login": "clerk", "password": "wrong"})
    html = answer.content.decode()
    assert 'value="clerk"' in html
    assert 'role="alert"' in html
    assert "_auth_user_id" not in client.session


def test_signing_in_leads_to_the_workbench_and_out_again(world, client):
    answer = client.post(LOGIN, {"login": "clerk", "password": PASSWORD}, follow=True)
    html = answer.content.decode()
    assert answer.redirect_chain[-1][0] == "/work/"
    assert "胡雅琴" in html
    assert "休宁分公司" in html
    assert "营业员" in html
    client.post("/accounts/logout/")
    assert client.get("/work/").status_code == 302


def test_too_many_wrong_passwords_lock_with_a_page_of_ours(world):
    callable_name = "kaitong.web.views.preferences.locked_out"
    with override_settings(
        AXES_ENABLED=True, AXES_FAILURE_LIMIT=2, AXES_LOCKOUT_CALLABLE=callable_name
    ):
        client = Client()
        for _try in range(3):
            answer = client.post(LOGIN, {"login": "clerk", "password": "wrong"})
        assert answer.status_code == 429
        assert "暂时不能登录" in answer.content.decode()
        answer = client.post(LOGIN, {"login": "clerk", "password": PASSWORD})
        assert "_auth_user_id" not in client.session


def test_the_theme_is_a_cookie_that_the_server_reads(client, db):
    answer = client.post("/preferences/theme", {"next": LOGIN})
    assert answer["Location"] == LOGIN
    assert 'data-bs-theme="dark"' in client.get(LOGIN).content.decode()
    client.post("/preferences/theme", {"next": LOGIN})
    assert 'data-bs-theme="light"' in client.get(LOGIN).content.decode()


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example", "x:y"])
def test_the_theme_switch_leads_nowhere_else(client, db, target):
    assert client.post("/preferences/theme", {"next": target})["Location"] == "/"


def test_the_language_switch_is_kept(client, db):
    client.post("/i18n/setlang/", {"language": "en", "next": LOGIN})
    assert '<html lang="en"' in client.get(LOGIN).content.decode()


def test_a_page_that_is_not_there_says_so_in_our_look(client, db):
    answer = client.get("/no-such-page/")
    assert answer.status_code == 404
    assert "没有这个页面" in answer.content.decode()


def test_a_server_fault_says_so_without_the_database():
    from django.template.loader import render_to_string

    assert "页面没有做出来" in render_to_string("500.html")


def test_a_database_that_is_away_is_no_server_fault(client, db, monkeypatch):
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import OperationalError

    def away(store):
        raise OperationalError("the database system is in recovery mode")

    monkeypatch.setattr(SessionStore, "_get_session_from_db", away)
    client.raise_request_exception = False
    client.cookies["sessionid"] = "x" * 32
    answer = client.get("/work/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "3")
    assert "数据库暂时连不上" in answer.content.decode()
