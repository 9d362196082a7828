from django.contrib import admin

from kaitong.places.models import Address, Region


class ReadOnly(admin.ModelAdmin):
    """Rows are changed by verbs; the admin only shows them."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Region)
class RegionAdmin(ReadOnly):
    list_display = ("code", "full_name", "level")
    list_filter = ("level",)
    search_fields = ("code", "name", "initials")


@admin.register(Address)
class AddressAdmin(ReadOnly):
    list_display = ("short_text", "township", "coverage", "branch")
    list_filter = ("coverage", "branch")
    search_fields = ("code", "full_text")
    list_select_related = ("branch",)
    exclude = ("grams",)
