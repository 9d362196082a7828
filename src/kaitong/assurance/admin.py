from django.contrib import admin

from kaitong.assurance.models import Alarm, CommonCause, Fault, Handling, HandOver, Survey
from kaitong.core.admin import ReadOnlyAdmin


@admin.register(Handling)
class HandlingAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "playbook", "playbook_hash", "retired_at")


@admin.register(Fault)
class FaultAdmin(ReadOnlyAdmin):
    list_display = ("number", "kind", "state", "symptom_title", "account", "reported_at", "due_at")
    list_filter = ("kind", "state", "severity")
    exclude = ("contact",)


@admin.register(CommonCause)
class CommonCauseAdmin(ReadOnlyAdmin):
    list_display = ("number", "state", "level", "resource_text", "affected", "resolved_at")
    list_filter = ("state", "level")


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    list_display = ("raised_at", "element", "component", "kind", "severity", "cleared_at")
    list_filter = ("source", "severity")


@admin.register(Survey)
class SurveyAdmin(ReadOnlyAdmin):
    list_display = ("asked_at", "kind", "reached", "fixed", "score", "reason_title")
    list_filter = ("kind", "score")


@admin.register(HandOver)
class HandOverAdmin(ReadOnlyAdmin):
    list_display = ("number", "state", "given_at", "taken_at")
    list_filter = ("state",)
