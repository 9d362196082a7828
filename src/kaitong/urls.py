"""The address plan: APIs, sign-in, read-only administration, pages."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]
if find_spec("kaitong.tmf.urls"):
    urlpatterns.append(path("tmf-api/", include("kaitong.tmf.urls")))
if find_spec("kaitong.web.urls"):
    urlpatterns.append(path("", include("kaitong.web.urls")))
