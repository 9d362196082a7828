"""Notices, to read: addresses and texts are not shown here."""

from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.messaging.models import Notice


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "branch", "title", "to", "channel", "address_masked", "state"]
    list_filter = ["state", "channel", "kind"]
    exclude = ["address", "text"]
