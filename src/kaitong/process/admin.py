"""The runtime's tables in Django's admin: to look at, never to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from kaitong.process import models

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = admin.ModelAdmin


class ReadOnly(_Admin):
    """Rows of the runtime change by verbs only."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(models.Definition)
class DefinitionAdmin(ReadOnly):
    list_display = ("playbook", "key", "title", "deployed_at", "retired_at")
    list_filter = ("playbook", "key")
    exclude = ("bpmn", "decisions")


@admin.register(models.Instance)
class InstanceAdmin(ReadOnly):
    list_display = ("id", "definition", "branch", "state", "open_waits", "started_at", "ended_at")
    list_filter = ("state",)
    list_select_related = ("definition", "branch")


@admin.register(models.Starter)
class StarterAdmin(ReadOnly):
    list_display = ("node", "definition", "kind", "name", "branch", "state", "due_at")
    list_filter = ("kind", "state")
    list_select_related = ("definition", "branch")


@admin.register(models.WorkItem)
class WorkItemAdmin(ReadOnly):
    list_display = ("title", "post", "branch", "state", "due_at", "created_at")
    list_filter = ("state", "post")
    list_select_related = ("branch",)


@admin.register(models.Command)
class CommandAdmin(ReadOnly):
    list_display = ("action", "node", "state", "attempts", "next_attempt_at", "reason")
    list_filter = ("state", "action")


@admin.register(models.Incident)
class IncidentAdmin(ReadOnly):
    list_display = ("title", "cause", "state", "branch", "created_at", "resolution")
    list_filter = ("state", "cause")
    list_select_related = ("branch",)


@admin.register(models.Timer)
class TimerAdmin(ReadOnly):
    list_display = ("node", "state", "due_at", "attempts")
    list_filter = ("state",)


@admin.register(models.Message)
class MessageAdmin(ReadOnly):
    list_display = ("name", "key", "state", "created_at", "delivered_at")
    list_filter = ("state", "name")
