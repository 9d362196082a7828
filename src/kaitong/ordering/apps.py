from django.apps import AppConfig


class OrderingConfig(AppConfig):
    name = "kaitong.ordering"
    label = "ordering"
    verbose_name = "订单"
