from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.ordering.models import Demand, Order, Procedure, Withdrawal


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = ["number", "state", "branch", "ordered_at"]
    list_filter = ["state"]
    search_fields = ["number"]
    exclude = ["ext"]


@admin.register(Procedure)
class ProcedureAdmin(ReadOnlyAdmin):
    list_display = ["playbook", "key", "action", "specification", "retired_at"]


@admin.register(Demand)
class DemandAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "reason", "specification", "told_at"]
    list_filter = ["reason"]


@admin.register(Withdrawal)
class WithdrawalAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "branch", "order", "reason", "ended_at"]
    exclude = ["ext"]
