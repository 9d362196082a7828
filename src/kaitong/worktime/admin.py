"""Calendars are reference tables: the one place of this package that is edited by hand."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from kaitong.worktime.models import CalendarDay, CalendarYear, WorkCalendar
from kaitong.worktime.queries import forget


class YearInline(admin.TabularInline):  # type: ignore[type-arg]
    model = CalendarYear
    extra = 0


@admin.register(WorkCalendar)
class WorkCalendarAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["key", "name", "time_zone", "observes_holidays"]
    inlines = [YearInline]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        forget()


@admin.register(CalendarDay)
class CalendarDayAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["date", "calendar", "working", "name"]
    list_filter = ["calendar", "working"]
    date_hierarchy = "date"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        forget()
