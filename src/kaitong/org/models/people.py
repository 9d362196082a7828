"""Who works where: branches, departments, posts (岗位) and staff."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin, UserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.audit import tracked
from kaitong.core.ids import uuid7
from kaitong.core.models import Row
from kaitong.org.choices import BranchKind


@tracked()
class Branch(Row):
    """A branch of the operator. `path` is the chain of codes from the root, so that everything
    below a branch is found by its prefix. Staff see their own branch and everything below it.
    """

    code = models.CharField(_("代码"), max_length=12, unique=True)
    name = models.CharField(_("名称"), max_length=60)
    name_en = models.CharField(max_length=60, blank=True)
    kind = models.CharField(max_length=10, choices=BranchKind)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children"
    )
    path = models.CharField(max_length=200, unique=True)
    calendar = models.CharField(_("工作日历"), max_length=40, default="cn")

    class Meta:
        verbose_name = _("分公司")
        ordering = ["path"]
        indexes = [
            models.Index(fields=["path"], opclasses=["varchar_pattern_ops"], name="branch_by_path")
        ]

    def __str__(self) -> str:
        return self.name


@tracked()
class Department(Row):
    """A department or team of a branch. `calendar` overrides the branch's working calendar."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="departments")
    key = models.CharField(max_length=40)
    name = models.CharField(_("名称"), max_length=60)
    name_en = models.CharField(max_length=60, blank=True)
    calendar = models.CharField(_("工作日历"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("部门")
        constraints = [models.UniqueConstraint(fields=["branch", "key"], name="department_once")]

    def __str__(self) -> str:
        return self.name


@tracked()
class Post(Row):
    """A post (岗位): what a lane of a process means. Its key is used by playbooks."""

    key = models.CharField(max_length=40, unique=True)
    name = models.CharField(_("名称"), max_length=60)
    name_en = models.CharField(max_length=60, blank=True)

    class Meta:
        verbose_name = _("岗位")

    def __str__(self) -> str:
        return self.name


@tracked(exclude=["password", "last_login", "phone", "email"])
class Staff(AbstractBaseUser, PermissionsMixin):
    """A member of staff, who signs in. Names of staff are plain; customers' are masked."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    username = models.CharField(_("用户名"), max_length=60, unique=True)
    name = models.CharField(_("姓名"), max_length=60)
    phone = models.CharField(_("电话"), max_length=20, blank=True)
    email = models.EmailField(blank=True)
    branch = models.ForeignKey(Branch, models.PROTECT, null=True, related_name="staff")
    department = models.ForeignKey(Department, models.PROTECT, null=True, blank=True)
    posts = models.ManyToManyField(Post, through="PostHolding", related_name="holders")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text=_("可以进入参考数据管理"))
    # their password was made for them: they choose their own before anything else
    must_change_password = models.BooleanField(default=False)

    objects = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        verbose_name = _("人员")

    def __str__(self) -> str:
        return self.name or self.username

    def get_full_name(self) -> str:
        return self.name


@tracked(exclude=["turn"])
class PostHolding(Row):
    """Somebody holds a post, in the branch where they work. `turn` grows each time work of the post
    is given by turns (轮流): the lowest is next."""

    staff = models.ForeignKey(Staff, models.CASCADE, related_name="holdings")
    post = models.ForeignKey(Post, models.PROTECT)
    turn = models.BigIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = _("任职")
        constraints = [models.UniqueConstraint(fields=["staff", "post"], name="post_held_once")]

    def __str__(self) -> str:
        return f"{self.staff} {self.post}"
