"""Read-only lists for the administrator; secrets are in none of them."""

from django.contrib import admin

from kaitong.activation.models import Exchange, NetworkElement


class ReadOnly(admin.ModelAdmin):
    """Rows are changed by verbs; the admin only shows them."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(NetworkElement)
class NetworkElementAdmin(ReadOnly):
    list_display = ("key", "title", "kind", "branch", "state")
    list_filter = ("kind", "state")
    search_fields = ("key", "title")
    exclude = ("secret",)


@admin.register(Exchange)
class ExchangeAdmin(ReadOnly):
    list_display = ("started_at", "element", "verb", "ok", "cause", "took_ms")
    list_filter = ("verb", "ok", "element")
    list_select_related = ("element",)
    show_full_result_count = False
