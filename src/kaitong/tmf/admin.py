"""Tokens and listeners, to read: they are made and ended by their verbs."""

from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.tmf.models import ApiToken, Listener


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ["hint", "staff", "title", "expires_at", "revoked_at", "last_used_at"]
    exclude = ["digest"]


@admin.register(Listener)
class ListenerAdmin(ReadOnlyAdmin):
    list_display = ["callback", "api", "staff", "created_at", "suspended_at", "suspended_for"]
    list_filter = ["api"]
    exclude = ["secret"]
