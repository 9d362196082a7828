"""Verbs over the organisation, all find-or-make by key: seeding twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from kaitong.core.errors import KaitongError
from kaitong.org.models import Branch, Department, Post, PostHolding, Staff


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
