"""Calendars as rows, read-only: they are changed on their page, which says why and recounts."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from kaitong.worktime.models import CalendarChange, CalendarDay, CalendarYear, WorkCalendar


class ReadOnly:
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class YearInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = CalendarYear
    extra = 0


@admin.register(WorkCalendar)
class WorkCalendarAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["key", "name", "time_zone", "observes_holidays"]
    inlines = [YearInline]


@admin.register(CalendarDay)
class CalendarDayAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["date", "calendar", "working", "name"]
    list_filter = ["calendar", "working"]
    date_hierarchy = "date"


@admin.register(CalendarChange)
class CalendarChangeAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["created_at", "calendar", "kind", "first", "last", "reason"]
