"""Money, to read: only verbs move it."""

from django.contrib import admin

from kaitong.charging.models import (
    Charge,
    Invoice,
    JournalEntry,
    JournalLine,
    Payment,
    TaxPlatform,
)
from kaitong.core.admin import ReadOnlyAdmin


class LineInline(admin.TabularInline):  # type: ignore[type-arg]
    model = JournalLine
    fields = ("account", "amount_fen")
    readonly_fields = ("account", "amount_fen")
    extra = 0
    can_delete = False


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "branch", "kind", "key"]
    list_filter = ["kind"]
    inlines = [LineInline]


@admin.register(Charge)
class ChargeAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "branch", "title", "amount_fen", "state"]
    list_filter = ["state"]


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = ["paid_at", "branch", "kind", "method", "amount_fen"]
    list_filter = ["kind", "method"]


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "branch", "kind", "state", "number", "amount_fen", "error"]
    list_filter = ["kind", "state"]
    exclude = ["buyer_name", "buyer_number"]


@admin.register(TaxPlatform)
class TaxPlatformAdmin(ReadOnlyAdmin):
    list_display = ["key", "branch", "title", "url", "is_test", "in_service"]
    exclude = ["secret"]
