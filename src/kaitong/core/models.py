"""Abstract rows of the house and the audit trail's table."""

from __future__ import annotations

from typing import Any

from django.db import models

from kaitong.core import plain
from kaitong.core.clock import now
from kaitong.core.ids import uuid7


class Plain(models.Model):
    """A model whose rows are saved plainly where they can be."""

    class Meta:
        abstract = True

    def save(self, **how: Any) -> None:
        """As Django's; what inserts a row or changes named columns is said plainly."""
        if not plain.save(self, **how):
            super().save(**how)


class Row(Plain):
    """A row with a UUIDv7 key, known before it is saved, and the instant of its making."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        abstract = True


class ExtRow(Row):
    """A public root: `ext` keeps unknown attributes and verbatim dates of its API document."""

    ext = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True


class AuditEntry(Plain):
    """A recorded act that changes no row of its own: a reading in clear, a sign-in, an export.

    Never holds the data that was read, only what kind and whose.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(default=now)
    kind = models.CharField(max_length=60)
    actor_id = models.UUIDField(null=True)
    branch_id = models.UUIDField(null=True)
    subject_type = models.CharField(max_length=60)
    subject_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        db_table = "core_auditentry"
        indexes = [
            models.Index(fields=["subject_id", "at"], name="audit_by_subject"),
            models.Index(fields=["branch_id", "at"], name="audit_by_branch"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_type}"
