"""The first organisation, and staff."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from django.utils.translation import gettext as _

from kaitong.cli.asking import show
from kaitong.core import wording
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.home import library
from kaitong.org import queries as org
from kaitong.org import services as org_verbs
from kaitong.org.choices import BranchKind
from kaitong.org.models import Department, Staff
from kaitong.transfer import beginning
from kaitong.transfer.beginning import BranchRow


def setup(asked: argparse.Namespace) -> None:
    """Asks for what is missing when somebody sits at the terminal."""
    branch = BranchRow(
        _given(asked.branch, "--branch", _("分公司代码（如 XN）：")),
        _given(asked.name, "--name", _("分公司名称：")),
        asked.kind,
    )
    user = _given(asked.supervisor, "--supervisor", _("第一位主管的用户名："))
    name = _given(asked.supervisor_name, "--supervisor-name", _("主管的姓名："))
    shipped = [folder.parent.name for folder in sorted(library().glob("*/playbook.yaml"))]
    begun = beginning.begin(
        branch=branch,
        above=[_above(text) for text in asked.above],
        supervisor=user,
        supervisor_name=name,
        playbook_names=asked.playbook or shipped,
    )
    if asked.json:
        print(json.dumps(asdict(begun), ensure_ascii=False, indent=2))
        return
    print(_("分公司 %(code)s，业务流程包 %(list)s") % {
        "code": begun.branch, "list": wording.several(begun.playbooks),
    })  # fmt: skip
    print(_("部门：%(list)s") % {"list": wording.several(begun.departments)})
    print(_("岗位：%(list)s") % {"list": wording.several(begun.posts)})
    for year in begun.calendar_missing:
        print(_("%(year)s 年的放假安排还没有公布：届时的时限是暂定的。") % {"year": year})
    _tell(begun.supervisor, begun.password)


def _given(value: str, flag: str, question: str) -> str:
    if value:
        return value
    if sys.stdin.isatty() and (typed := input(question).strip()):
        return typed
    raise BadInput([InputFault(flag, _("没有填写。"), _("写在命令里，或在终端上回答。"))])


def _above(text: str) -> BranchRow:
    parts = text.split(":")
    if len(parts) != 3 or parts[2] not in BranchKind.values or not all(parts):
        fault = InputFault("--above", text, "AH:安徽省公司:province")
        raise BadInput([fault])
    return BranchRow(*parts)


def staff_add(asked: argparse.Namespace) -> None:
    branch = org.branch_by_code(asked.branch)
    department = None
    if asked.department:
        department = Department.objects.filter(branch=branch, key=asked.department).first()
        if department is None:
            names = Department.objects.filter(branch=branch).values_list("key", flat=True)
            fault = InputFault("--department", _("没有这个部门。"), wording.several(names))
            raise BadInput([fault])
    row, password = org_verbs.hire(
        username=asked.user,
        name=asked.name,
        branch=branch,
        posts=asked.post,
        department=department,
        admin=asked.admin,
    )
    if asked.json:
        print(json.dumps({"username": row.username, "password": password}, ensure_ascii=False))
    else:
        _tell(row.username, password)


def staff_password(asked: argparse.Namespace) -> None:
    _tell(asked.user, org_verbs.reset_password(username=asked.user))


def staff_list(asked: argparse.Namespace) -> None:
    facts = [
        {
            "username": row.username,
            "name": row.name,
            "branch": row.branch.name if row.branch else None,
            "posts": [holding.post.key for holding in row.holdings.all()],
        }
        for row in Staff.objects.filter(is_active=True, device=None)
        .select_related("branch")
        .prefetch_related("holdings__post")
        .order_by("username")
    ]
    if asked.json:
        show(facts)
        return
    for fact in facts:
        print(f"{fact['username']}  {fact['name']}  {fact['branch']}  {' '.join(fact['posts'])}")


def _tell(username: str, password: str) -> None:
    if password:
        print(_("%(user)s 的一次性密码：%(password)s（首次登录后要改）") % {
            "user": username, "password": password,
        })  # fmt: skip
    else:
        print(_("%(user)s 已有账号，密码不变。") % {"user": username})
