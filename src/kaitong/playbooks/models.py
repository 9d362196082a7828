"""Deployed playbooks. A version never vanishes: orders pinned it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.models import Row


class Deployment(Row):
    """One version of a playbook as it was deployed. `content` holds forms and English texts."""

    playbook = models.CharField(max_length=60)
    title = models.CharField(_("名称"), max_length=60)
    hash = models.CharField(max_length=64)
    content = models.JSONField(default=dict)
    deployed_by = models.UUIDField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("业务流程包版本")
        constraints = [
            models.UniqueConstraint(fields=["playbook", "hash"], name="deployment_once"),
            models.UniqueConstraint(
                fields=["playbook"],
                condition=models.Q(retired_at__isnull=True),
                name="deployment_current_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.playbook}@{self.hash[:8]}"
