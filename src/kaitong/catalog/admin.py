from django.contrib import admin

from kaitong.catalog.models import Offering, ResourceSpecification, ServiceSpecification


class ReadOnly(admin.ModelAdmin):
    """Rows are changed by verbs; the admin only shows them."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Offering)
class OfferingAdmin(ReadOnly):
    list_display = ("key", "title", "kind", "playbook", "state", "updated_at")
    list_filter = ("state", "kind", "playbook")
    search_fields = ("key", "title", "title_en")


@admin.register(ServiceSpecification)
class ServiceSpecificationAdmin(ReadOnly):
    list_display = ("key", "title", "playbook", "state", "updated_at")
    list_filter = ("state", "playbook")
    search_fields = ("key", "title", "title_en")


@admin.register(ResourceSpecification)
class ResourceSpecificationAdmin(ReadOnly):
    list_display = ("key", "title", "category", "state")
    list_filter = ("category", "state")
