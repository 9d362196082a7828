from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "kaitong.catalog"
    label = "catalog"
    verbose_name = "目录"
