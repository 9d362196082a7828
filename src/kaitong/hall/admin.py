from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.hall.models import Day, Inquiry, Rules, Seat, Stint, Ticket


@admin.register(Rules)
class RulesAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "playbook", "playbook_hash", "retired_at")


@admin.register(Day)
class DayAdmin(ReadOnlyAdmin):
    list_display = ("day", "branch", "closed_at")


@admin.register(Seat)
class SeatAdmin(ReadOnlyAdmin):
    list_display = ("counter", "branch", "created_at", "left_at")


@admin.register(Ticket)
class TicketAdmin(ReadOnlyAdmin):
    list_display = ("number", "kind", "state", "taken_at", "called_at", "begun_at", "ended_at")
    list_filter = ("state", "kind")


@admin.register(Stint)
class StintAdmin(ReadOnlyAdmin):
    list_display = ("ticket", "kind", "begun_at", "ended_at", "cut")


@admin.register(Inquiry)
class InquiryAdmin(ReadOnlyAdmin):
    list_display = ("day", "title", "ticket")
    list_filter = ("title",)
