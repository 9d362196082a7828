"""The address plan: APIs, sign-in, read-only administration, pages."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("tmf-api/", include("kaitong.tmf.urls")),
    path("", include("kaitong.web.urls")),
]

handler500 = "kaitong.web.views.failing.server_error"
