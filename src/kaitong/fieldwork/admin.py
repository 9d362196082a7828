from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.fieldwork.models import Change, Check, Receipt


@admin.register(Check)
class CheckAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "ok", "order_id", "took_ms", "override_reason")
    list_filter = ("ok", "kind")


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "item_id", "key")


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "was", "now", "reason", "order_id")
    list_filter = ("kind", "reason")
