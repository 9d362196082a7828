"""Long jobs of people: an import or export, how far it is, what came of it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.crypto import seal, unseal
from kaitong.core.models import Row
from kaitong.transfer.choices import LIVING, JobState

PURPOSE = "transfer.job"


class Job(Row):
    """One long job. `source` is the file that came in and `result` the one that goes out, both
    sealed; the source goes when the job ends, the result after some days.

    `options` say how (never people's data), `summary` what came of it, `faults` the first of them.
    """

    branch = models.ForeignKey("org.Branch", models.PROTECT, related_name="+")
    asked_by = models.ForeignKey("org.Staff", models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)  # import.addresses, export.orders ...
    name = models.CharField(_("文件"), max_length=200)
    state = models.CharField(max_length=12, choices=JobState, default=JobState.QUEUED)
    stage = models.CharField(max_length=60, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    stage_at = models.DateTimeField(null=True)  # when the stage began: the estimate's base
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    cancel_asked = models.BooleanField(default=False)
    options = models.JSONField(default=dict)
    summary = models.JSONField(default=dict)
    faults = models.JSONField(default=list)
    error = models.CharField(max_length=400, blank=True)
    source = models.BinaryField(null=True)
    result = models.BinaryField(null=True)
    result_name = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "transfer_job"
        verbose_name = _("导入导出")
        indexes = [models.Index(fields=["branch", "-created_at"], name="job_by_branch")]
        constraints = [
            # one at a time carries the lines of an element
            models.UniqueConstraint(
                fields=["name"],
                condition=models.Q(kind__startswith="carry.", state__in=LIVING),
                name="job_carries_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def put(self, field: str, data: bytes | None) -> None:
        """Seal a file into `source` or `result`."""
        sealed = None if data is None else seal(f"{PURPOSE}.{field}", self.pk, data)
        setattr(self, field, sealed)

    def file(self, field: str) -> bytes:
        """The file in `source` or `result`; empty when it is gone."""
        sealed = getattr(self, field)
        return b"" if sealed is None else unseal(f"{PURPOSE}.{field}", self.pk, bytes(sealed))
