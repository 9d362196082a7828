from django.apps import AppConfig


class SurveysConfig(AppConfig):
    name = "kaitong.surveys"
    label = "surveys"
    verbose_name = "满意度调查"
