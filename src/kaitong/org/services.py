"""Verbs over the organisation, all find-or-make by key: seeding twice changes nothing."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core.errors import KaitongError
from kaitong.org.models import Branch, Department, Device, Post, PostHolding, Staff

# Without letters and digits that look alike; groups of four are read out more easily.
_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"


class OrgError(KaitongError):
    """The organisation cannot be changed like this."""

    default_code = "org"


@transaction.atomic
def ensure_branch(
    *, code: str, name: str, kind: str, parent: Branch | None = None, name_en: str = "",
    calendar: str = "cn",
) -> Branch:  # fmt: skip
    """A branch below its parent."""
    path = f"{parent.path}.{code}" if parent else code
    row, _ = Branch.objects.get_or_create(
        code=code,
        defaults={
            "name": name, "name_en": name_en, "kind": kind, "parent": parent, "path": path,
            "calendar": calendar,
        },
    )  # fmt: skip
    return row


@transaction.atomic
def ensure_department(
    *, branch: Branch, key: str, name: str, name_en: str = "", calendar: str = ""
) -> Department:
    row, _ = Department.objects.get_or_create(
        branch=branch, key=key, defaults={"name": name, "name_en": name_en, "calendar": calendar}
    )
    return row


@transaction.atomic
def ensure_post(*, key: str, name: str, name_en: str = "") -> Post:
    row, _ = Post.objects.get_or_create(key=key, defaults={"name": name, "name_en": name_en})
    return row


@transaction.atomic
def ensure_staff(
    *, username: str, name: str, branch: Branch, password: str, posts: Iterable[str],
    department: Department | None = None, phone: str = "", admin: bool = False,
) -> Staff:  # fmt: skip
    """A member of staff with posts. An existing one keeps the password they have."""
    row, made = Staff.objects.get_or_create(
        username=username,
        defaults={
            "name": name, "branch": branch, "department": department, "phone": phone,
            "is_staff": admin, "is_superuser": admin,
        },
    )  # fmt: skip
    if made:
        row.set_password(password)
        row.save(update_fields=["password"])
    for key in posts:
        post = Post.objects.filter(key=key).first()
        if post is None:
            raise OrgError(f"There is no post {key}.", "Deploy the playbook that names it first.")
        PostHolding.objects.get_or_create(staff=row, post=post)
    return row


def one_time_password() -> str:
    """A password to be told once and changed at the first sign-in: 16 signs, 78 bits."""
    return "-".join("".join(secrets.choice(_SIGNS) for _ in range(4)) for _ in range(4))


@transaction.atomic
def hire(
    *, username: str, name: str, branch: Branch, posts: Iterable[str],
    department: Department | None = None, admin: bool = False,
) -> tuple[Staff, str]:  # fmt: skip
    """A new member of staff and their one-time password; of a known one only posts are added, and
    the password is empty: they have theirs."""
    known = Staff.objects.filter(username=username).first()
    if known is not None and known.branch_id != branch.pk:
        raise OrgError(
            f"{username} works elsewhere.", "Choose another user name, or move them in /admin/."
        )
    password = "" if known else one_time_password()
    row = ensure_staff(
        username=username, name=name, branch=branch, password=password, posts=posts,
        department=department, admin=admin,
    )  # fmt: skip
    if password:
        row.must_change_password = True
        row.save(update_fields=["must_change_password"])
    return row, password


@transaction.atomic
def reset_password(*, username: str) -> str:
    """A new one-time password for somebody who lost theirs."""
    row = Staff.objects.select_for_update(no_key=True).filter(username=username).first()
    if row is None:
        raise OrgError(
            _("没有名为 %s 的在用人员。") % username,
            _("用 ./run kaitong staff list 查看。"),
        )
    if Device.objects.filter(staff=row).exists():
        raise OrgError(f"{username} is a device.", "./run kaitong device code ID")
    password = one_time_password()
    row.set_password(password)
    row.must_change_password = True
    row.save(update_fields=["password", "must_change_password"])
    return password
