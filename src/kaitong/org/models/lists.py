"""How people look at lists: saved filters, chosen columns."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kaitong.core.models import Row
from kaitong.org.models.people import Branch, Staff


class SavedView(Row):
    """A filter of a list under a name: one's own (`staff`), or a post's of a branch (`post`)."""

    branch = models.ForeignKey(Branch, models.PROTECT, null=True, related_name="+")
    staff = models.ForeignKey(Staff, models.CASCADE, null=True, related_name="views")
    post = models.CharField(max_length=40, blank=True)
    place = models.CharField(max_length=20)  # the list: workbench
    name = models.CharField(_("名称"), max_length=20)
    query = models.CharField(max_length=400)  # of the address, without its question mark
    made_by = models.UUIDField()

    class Meta:
        verbose_name = verbose_name_plural = _("常用筛选")
        constraints = [
            models.UniqueConstraint(
                fields=["staff", "place", "name"],
                condition=Q(staff__isnull=False),
                name="saved_view_own_once",
            ),
            models.UniqueConstraint(
                fields=["branch", "post", "place", "name"],
                condition=Q(staff__isnull=True),
                name="saved_view_shared_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ListChoice(Row):
    """What somebody chose for a list: its columns, and the filter it opens with."""

    staff = models.ForeignKey(Staff, models.CASCADE, related_name="list_choices")
    place = models.CharField(max_length=20)
    columns = ArrayField(models.CharField(max_length=20), null=True)  # None: as it comes
    view = models.ForeignKey(SavedView, models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name = verbose_name_plural = _("列表设置")
        constraints = [models.UniqueConstraint(fields=["staff", "place"], name="list_choice_once")]

    def __str__(self) -> str:
        return self.place
