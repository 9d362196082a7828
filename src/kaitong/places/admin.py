from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.places.models import Address, Region


@admin.register(Region)
class RegionAdmin(ReadOnlyAdmin):
    list_display = ("code", "full_name", "level")
    list_filter = ("level",)
    search_fields = ("code", "name", "initials")


@admin.register(Address)
class AddressAdmin(ReadOnlyAdmin):
    list_display = ("short_text", "township", "coverage", "branch")
    list_filter = ("coverage", "branch")
    search_fields = ("code", "full_text")
    list_select_related = ("branch",)
    exclude = ("grams",)
