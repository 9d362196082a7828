from django.apps import AppConfig


class PlaybooksConfig(AppConfig):
    name = "kaitong.playbooks"
    label = "playbooks"
    verbose_name = "业务流程包"

    def ready(self) -> None:
        from kaitong.playbooks import wiring

        wiring.install()
