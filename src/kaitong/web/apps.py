from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "kaitong.web"
    label = "web"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from kaitong.transfer import jobs
        from kaitong.web import exports

        jobs.carried_out_by("export", exports.carry_out)
