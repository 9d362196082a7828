from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.inventory.models import (
    Assignment,
    NumberPool,
    Resource,
    Service,
    StockCount,
    Suspension,
    Terminal,
)


@admin.register(Resource)
class ResourceAdmin(ReadOnlyAdmin):
    list_display = ("path", "specification", "state", "branch")
    list_filter = ("specification", "state", "branch")
    search_fields = ("path", "code")
    list_select_related = ("branch",)


@admin.register(Service)
class ServiceAdmin(ReadOnlyAdmin):
    list_display = ("account", "specification", "state", "branch", "created_at")
    list_filter = ("state", "specification", "branch")
    search_fields = ("account", "logical_id")
    list_select_related = ("branch",)
    exclude = ("password", "ext")


@admin.register(Assignment)
class AssignmentAdmin(ReadOnlyAdmin):
    list_display = ("resource", "service", "state", "reserved_until")
    list_filter = ("state",)
    list_select_related = ("resource", "service")


@admin.register(NumberPool)
class NumberPoolAdmin(ReadOnlyAdmin):
    list_display = ("rule", "template", "next_value", "quarantine_days", "branch")
    list_filter = ("rule", "branch")
    list_select_related = ("branch",)


@admin.register(Terminal)
class TerminalAdmin(ReadOnlyAdmin):
    list_display = ("serial", "model", "state", "branch")
    list_filter = ("state", "model", "branch")
    search_fields = ("serial", "mac")
    list_select_related = ("branch",)


@admin.register(Suspension)
class SuspensionAdmin(ReadOnlyAdmin):
    list_display = ("service", "kind", "since", "ended_at", "branch")
    list_filter = ("kind", "branch")
    list_select_related = ("service", "branch")


@admin.register(StockCount)
class StockCountAdmin(ReadOnlyAdmin):
    list_display = ("counted_at", "model", "expected", "found", "branch")
    list_filter = ("branch",)
    list_select_related = ("branch",)
