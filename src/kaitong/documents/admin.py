"""Papers and attachments, to read: their contents are not shown here."""

from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.documents.models import Attachment, Paper


@admin.register(Paper)
class PaperAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "branch", "title", "number", "state", "printed"]
    list_filter = ["kind", "state"]
    exclude = ["data"]


@admin.register(Attachment)
class AttachmentAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "branch", "kind", "title", "media_type"]
    list_filter = ["kind"]
