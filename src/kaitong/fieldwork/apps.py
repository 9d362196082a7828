from django.apps import AppConfig


class FieldworkConfig(AppConfig):
    name = "kaitong.fieldwork"
    label = "fieldwork"
    verbose_name = "外线施工"
