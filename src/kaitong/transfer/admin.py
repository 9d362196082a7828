from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.transfer.models import Job


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "name", "state", "asked_by")
    exclude = ("source", "result")
