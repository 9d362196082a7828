from django.contrib import admin

from kaitong.inventory.models import Assignment, NumberPool, Resource, Service, Terminal


class ReadOnly(admin.ModelAdmin):
    """Rows are changed by verbs; the admin only shows them."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Resource)
class ResourceAdmin(ReadOnly):
    list_display = ("path", "specification", "state", "branch")
    list_filter = ("specification", "state", "branch")
    search_fields = ("path", "code")
    list_select_related = ("branch",)


@admin.register(Service)
class ServiceAdmin(ReadOnly):
    list_display = ("account", "specification", "state", "branch", "created_at")
    list_filter = ("state", "specification", "branch")
    search_fields = ("account", "logical_id")
    list_select_related = ("branch",)
    exclude = ("password", "ext")


@admin.register(Assignment)
class AssignmentAdmin(ReadOnly):
    list_display = ("resource", "service", "state", "reserved_until")
    list_filter = ("state",)
    list_select_related = ("resource", "service")


@admin.register(NumberPool)
class NumberPoolAdmin(ReadOnly):
    list_display = ("rule", "template", "next_value", "quarantine_days", "branch")
    list_filter = ("rule", "branch")
    list_select_related = ("branch",)


@admin.register(Terminal)
class TerminalAdmin(ReadOnly):
    list_display = ("serial", "model", "state", "branch")
    list_filter = ("state", "model", "branch")
    search_fields = ("serial", "mac")
    list_select_related = ("branch",)
