"""The activation app."""

from django.apps import AppConfig


class ActivationConfig(AppConfig):
    name = "kaitong.activation"
    label = "activation"
    verbose_name = "激活"
