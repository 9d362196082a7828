"""Addresses below tmf-api/."""

from django.urls import include, path, re_path

from kaitong.tmf.api.base import TmfApi, nothing_here
from kaitong.tmf.api.cancellation import api as service_ordering
from kaitong.tmf.api.order_changes import api as _with_changes
from kaitong.tmf.api.service import api as service_inventory
from kaitong.tmf.api.trouble_ticket import api as trouble_ticket

assert _with_changes is service_ordering  # one interface, in three modules
APIS: tuple[TmfApi, ...] = (service_ordering, service_inventory, trouble_ticket)

urlpatterns = [
    *(
        path(f"{api.contract.base_path}/", include((api.patterns(), "tmf"), api.urls_namespace))
        for api in APIS
    ),
    re_path(r"", nothing_here),
]
