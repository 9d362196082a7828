"""Addresses below tmf-api/."""

from django.urls import include, path, re_path

from kaitong.tmf.api.base import TmfApi, nothing_here
from kaitong.tmf.api.cancellation import api as service_ordering
from kaitong.tmf.api.service import api as service_inventory

APIS: tuple[TmfApi, ...] = (service_ordering, service_inventory)

urlpatterns = [
    *(
        path(f"{api.contract.base_path}/", include((api.patterns(), "tmf"), api.urls_namespace))
        for api in APIS
    ),
    re_path(r"", nothing_here),
]
