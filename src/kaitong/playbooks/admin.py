from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.playbooks.models import Deployment


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin):
    list_display = ["playbook", "title", "hash", "created_at", "retired_at"]
