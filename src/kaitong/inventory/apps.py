from django.apps import AppConfig


class InventoryConfig(AppConfig):
    name = "kaitong.inventory"
    label = "inventory"
    verbose_name = "资源与服务"
