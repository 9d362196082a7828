"""Reference tables of the organisation may be edited here."""

from django.contrib import admin

from kaitong.org.models import Branch, Department, Post, PostHolding, Staff


class HoldingInline(admin.TabularInline):
    model = PostHolding
    extra = 0


@admin.register(Branch)
class BranchAdmin(admin.ModelAdmin):
    list_display = ["code", "name", "kind", "parent"]
    search_fields = ["code", "name"]


@admin.register(Department)
class DepartmentAdmin(admin.ModelAdmin):
    list_display = ["branch", "key", "name", "calendar"]


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):
    list_display = ["key", "name", "name_en"]


@admin.register(Staff)
class StaffAdmin(admin.ModelAdmin):
    list_display = ["username", "name", "branch", "is_active"]
    search_fields = ["username", "name"]
    exclude = ["password"]
    readonly_fields = ["last_login"]
    inlines = [HoldingInline]
