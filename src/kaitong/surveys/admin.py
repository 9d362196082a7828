from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.surveys.models import Answer, Call, Invitation, Rules


@admin.register(Rules)
class RulesAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "playbook", "playbook_hash", "retired_at")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ("asked_at", "source", "way", "state", "number", "expires_at")
    list_filter = ("source", "way", "state")
    exclude = ("token_digest", "outcome_note")


@admin.register(Answer)
class AnswerAdmin(ReadOnlyAdmin):
    list_display = ("answered_at", "way", "score", "bad", "reason_title")
    list_filter = ("way", "bad")
    exclude = ("words",)


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    list_display = ("at", "invitation", "number", "reached")
