from django.contrib import admin

from kaitong.catalog.models import Offering, ResourceSpecification, ServiceSpecification
from kaitong.core.admin import ReadOnlyAdmin


@admin.register(Offering)
class OfferingAdmin(ReadOnlyAdmin):
    list_display = ("key", "title", "kind", "playbook", "state", "updated_at")
    list_filter = ("state", "kind", "playbook")
    search_fields = ("key", "title", "title_en")


@admin.register(ServiceSpecification)
class ServiceSpecificationAdmin(ReadOnlyAdmin):
    list_display = ("key", "title", "playbook", "state", "updated_at")
    list_filter = ("state", "playbook")
    search_fields = ("key", "title", "title_en")


@admin.register(ResourceSpecification)
class ResourceSpecificationAdmin(ReadOnlyAdmin):
    list_display = ("key", "title", "category", "state")
    list_filter = ("category", "state")
