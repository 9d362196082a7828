"""Tokens, to read: they are issued and revoked by their verbs."""

from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.tmf.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ["hint", "staff", "title", "expires_at", "revoked_at", "last_used_at"]
    exclude = ["digest"]
