"""States of long jobs; each says what it means."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class JobState(TextChoices):
    QUEUED = "queued", _("排队中")  # no worker has begun it
    RUNNING = "running", _("进行中")
    DONE = "done", _("已完成")
    REFUSED = "refused", _("有错误")  # nothing was written; its faults say why
    FAILED = "failed", _("已失败")  # could not be carried out
    CANCELLED = "cancelled", _("已取消")  # somebody took it back; nothing was written


LIVING = (JobState.QUEUED.value, JobState.RUNNING.value)
