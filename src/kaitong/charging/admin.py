"""Money, to read: only verbs move it."""

from django.contrib import admin

from kaitong.charging.models import (
    Account,
    Bill,
    BillingRun,
    BillLine,
    CashClosing,
    Charge,
    Invoice,
    JournalEntry,
    JournalLine,
    PayCallback,
    PayChannel,
    Payment,
    PayRequest,
    RechargeCard,
    Rent,
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


class BillLineInline(admin.TabularInline):  # type: ignore[type-arg]
    model = BillLine
    fields = ("kind", "title", "amount_fen", "days", "paused_days", "of_days")
    readonly_fields = fields
    extra = 0
    can_delete = False


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ["customer_id", "branch", "balance_fen"]


@admin.register(Rent)
class RentAdmin(ReadOnlyAdmin):
    list_display = ["service_id", "title", "amount_fen", "since", "until", "billed_to"]


@admin.register(Bill)
class BillAdmin(ReadOnlyAdmin):
    list_display = ["month", "branch", "total_fen", "paid_fen", "due_on"]
    inlines = [BillLineInline]


@admin.register(BillingRun)
class BillingRunAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "month", "branch", "services", "lines", "total_fen"]


@admin.register(CashClosing)
class CashClosingAdmin(ReadOnlyAdmin):
    list_display = ["day", "branch", "clerk_id", "state", "expected_fen", "counted_fen"]


@admin.register(RechargeCard)
class RechargeCardAdmin(ReadOnlyAdmin):
    list_display = ["serial", "batch", "branch", "amount_fen", "state", "expires_on"]
    exclude = ["secret_index"]


@admin.register(PayChannel)
class PayChannelAdmin(ReadOnlyAdmin):
    list_display = ["key", "branch", "title", "url", "is_test", "in_service"]
    exclude = ["secret"]


@admin.register(PayRequest)
class PayRequestAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "branch", "number", "amount_fen", "state", "reference"]


@admin.register(PayCallback)
class PayCallbackAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "channel", "callback_id", "verdict"]
    exclude = ["digest"]
