"""Read-only lists for the administrator; secrets are in none of them."""

from django.contrib import admin

from kaitong.activation.models import Exchange, NetworkElement
from kaitong.core.admin import ReadOnlyAdmin


@admin.register(NetworkElement)
class NetworkElementAdmin(ReadOnlyAdmin):
    list_display = ("key", "title", "kind", "branch", "state")
    list_filter = ("kind", "state")
    search_fields = ("key", "title")
    exclude = ("secret",)


@admin.register(Exchange)
class ExchangeAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "element", "verb", "ok", "cause", "took_ms")
    list_filter = ("verb", "ok", "element")
    list_select_related = ("element",)
    show_full_result_count = False
