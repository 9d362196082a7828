from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.reporting.models import OrderFact, OrderFigure, WorkFact, WorkFigure


@admin.register(OrderFact)
class OrderFactAdmin(ReadOnlyAdmin):
    list_display = ("number", "action", "offering", "received_day", "ended_day", "outcome")


@admin.register(WorkFact)
class WorkFactAdmin(ReadOnlyAdmin):
    list_display = ("step", "post", "done_day", "on_time", "sent_back")


@admin.register(OrderFigure)
class OrderFigureAdmin(ReadOnlyAdmin):
    list_display = ("grain", "start", "by", "action", "key", "received", "completed", "on_time")


@admin.register(WorkFigure)
class WorkFigureAdmin(ReadOnlyAdmin):
    list_display = ("grain", "start", "post", "step", "n", "on_time")
