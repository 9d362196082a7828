from django.apps import AppConfig


class PlacesConfig(AppConfig):
    name = "kaitong.places"
    label = "places"
    verbose_name = "地址"
