"""What is added up for figures, so that no page reads the history of a million orders."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class NodeDay(models.Model):
    """How long tokens rested at a node that they left on a day (用时): count, sum, longest.

    Added up from the history by the day its lines were written (`batch`), each batch as a whole:
    adding one up again changes nothing. `day` is the operator's, of what the lines say.
    """

    batch = models.DateField()
    day = models.DateField(_("日期"))
    definition_id = models.UUIDField()
    branch_id = models.UUIDField()
    node = models.CharField(max_length=200)
    count = models.IntegerField()
    seconds = models.FloatField()
    longest = models.FloatField()

    class Meta:
        db_table = "process_nodeday"
        verbose_name = _("环节用时")
        verbose_name_plural = _("环节用时")
        indexes = [
            models.Index(
                fields=["definition_id", "branch_id", "day"],
                include=["node", "count", "seconds", "longest"],
                name="process_nodeday_read",
            ),
            models.Index(fields=["batch"], name="process_nodeday_batch"),
        ]

    def __str__(self) -> str:
        return f"{self.node} {self.day}"


class NodeBatch(models.Model):
    """Up to when a day's lines of history have been added up."""

    batch = models.DateField(primary_key=True)
    at = models.DateTimeField()
    whole = models.BooleanField(default=False)  # the day was over: it is never added up again

    class Meta:
        db_table = "process_nodebatch"
        verbose_name = _("环节用时汇总")
        verbose_name_plural = _("环节用时汇总")

    def __str__(self) -> str:
        return str(self.batch)
