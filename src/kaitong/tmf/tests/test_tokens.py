"""Tokens: issued once, kept as a digest, ended by time, by revocation and with their owner."""

from datetime import timedelta

import pytest

from kaitong.core.clock import frozen, now
from kaitong.core.errors import NotFound
from kaitong.core.models import AuditEntry
from kaitong.org.actor import Actor
from kaitong.org.models import Staff
from kaitong.tmf.choices import Scope
from kaitong.tmf.errors import TokenRefused
from kaitong.tmf.models import ApiToken
from kaitong.tmf.queries import token_for, tokens
from kaitong.tmf.services import issue_token, note_use, revoke_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(county, staff_of):
    return staff_of(county, "li.clerk", "clerk")


def issue(actor=None, username="li.clerk", **more):
    return issue_token(actor=actor or Actor.system(), staff_username=username, **more)


def test_a_token_finds_its_member_of_staff(clerk):
    row = token_for(issue())
    assert row.staff_id == clerk.id
    assert set(row.scopes) == set(Scope.values)


def test_nothing_kept_is_the_token(clerk):
    secret = issue(title="BSS")
    row = ApiToken.objects.get()
    assert secret.startswith(row.hint)
    assert len(row.hint) < 12 < len(secret)
    for value in row.__dict__.values():
        assert secret not in str(value)
        assert not (isinstance(value, bytes | memoryview) and secret.encode() in bytes(value))
    entry = AuditEntry.objects.get(kind="token-issued")
    assert secret not in str(entry.data)
    assert entry.subject_id == row.pk


def test_another_word_finds_nothing(clerk):
    secret = issue()
    assert token_for(secret + "x") is None
    assert token_for("") is None
    assert token_for(secret.upper()) is None


def test_a_token_ends_by_time(clerk):
    secret = issue(valid_days=1)
    with frozen(now() + timedelta(hours=23)):
        assert token_for(secret)
    with frozen(now() + timedelta(hours=25)):
        assert token_for(secret) is None


def test_a_token_ends_with_its_owners_work_here(clerk):
    secret = issue()
    Staff.objects.filter(pk=clerk.id).update(is_active=False)
    assert token_for(secret) is None
    with pytest.raises(NotFound):
        issue()


def test_a_revoked_token_is_dead_at_once_and_twice_changes_nothing(clerk):
    secret = issue()
    row = ApiToken.objects.get()
    revoke_token(actor=clerk, token_id=row.pk)
    row.refresh_from_db()
    first = row.revoked_at
    revoke_token(actor=clerk, token_id=row.pk)
    row.refresh_from_db()
    assert row.revoked_at == first
    assert token_for(secret) is None
    assert AuditEntry.objects.filter(kind="token-revoked").count() == 1


def test_people_issue_for_themselves_only(county, clerk, staff_of):
    colleague = staff_of(county, "wang.clerk", "clerk")
    assert issue(clerk)
    with pytest.raises(TokenRefused):
        issue(colleague)
    with pytest.raises(TokenRefused):
        revoke_token(actor=colleague, token_id=ApiToken.objects.get().pk)
    assert ApiToken.objects.filter(revoked_at=None).count() == 1


def test_another_branch_sees_neither_the_user_nor_the_token(other_county, clerk, staff_of):
    stranger = staff_of(other_county, "zhao", "supervisor")
    issue()
    with pytest.raises(NotFound):
        issue(stranger)
    with pytest.raises(NotFound):
        revoke_token(actor=stranger, token_id=ApiToken.objects.get().pk)
    assert tokens(stranger) == []
    assert len(tokens(clerk)) == 1
    assert ApiToken.objects.get().revoked_at is None


@pytest.mark.parametrize(
    "more", [{"scopes": ["everything"]}, {"scopes": []}, {"valid_days": 0}, {"valid_days": 10**4}]
)
def test_what_makes_no_sense_is_refused(clerk, more):
    with pytest.raises(TokenRefused):
        issue(**more)
    assert not ApiToken.objects.exists()


def test_use_is_noted_at_most_once_an_hour(clerk, django_assert_num_queries):
    row = token_for(issue())
    note_use(row)
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None
    with frozen(now() + timedelta(minutes=59)), django_assert_num_queries(0):
        note_use(row)
    with frozen(now() + timedelta(minutes=61)):
        note_use(row)
    row.refresh_from_db()
    assert row.last_used_at > first
