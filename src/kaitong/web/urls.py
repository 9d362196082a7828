"""Addresses of the pages."""

from django.urls import path
from django.views.generic import RedirectView

from kaitong.web.views import (
    incidents,
    intake,
    notices,
    orders,
    papers,
    photos,
    preferences,
    search,
    work,
)

app_name = "web"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="web:workbench"), name="home"),
    path("work/", work.workbench, name="workbench"),
    path("work/<uuid:item_id>/", work.work, name="work"),
    path("work/<uuid:item_id>/claim", work.claim, name="claim"),
    path("work/<uuid:item_id>/release", work.release, name="release"),
    path("work/<uuid:item_id>/complete", work.complete, name="complete"),
    path("work/<uuid:item_id>/photo", photos.work_photo, name="work_photo"),
    path("work/<uuid:item_id>/return", work.return_to, name="return"),
    path("work/<uuid:item_id>/dispatch", work.dispatch, name="dispatch"),
    path("work/<uuid:item_id>/suspend", work.suspend, name="suspend"),
    path("work/<uuid:item_id>/resume", work.resume, name="resume"),
    path("work/<uuid:item_id>/urge", work.urge, name="urge"),
    path("orders/", orders.order_list, name="orders"),
    path("orders/<uuid:order_id>/", orders.order, name="order"),
    path("orders/<uuid:order_id>/live", orders.live, name="order_live"),
    path("orders/<uuid:order_id>/positions.json", orders.positions, name="positions"),
    path("orders/<uuid:order_id>/urge", orders.urge, name="order_urge"),
    path("orders/<uuid:order_id>/<slug:tab>/", orders.order_tab, name="order_tab"),
    path("processes/<uuid:definition_id>.bpmn", orders.bpmn, name="bpmn"),
    path("customers/<uuid:party_id>/reveal", orders.reveal, name="reveal"),
    path("intake/", intake.begin, name="intake"),
    path("intake/<uuid:draft_id>/", intake.resume, name="intake_draft"),
    path("intake/<uuid:draft_id>/addresses", intake.addresses, name="intake_addresses"),
    path("intake/<uuid:draft_id>/keep", intake.keep, name="intake_keep"),
    path("intake/<uuid:draft_id>/choose", intake.choose, name="intake_choose"),
    path("intake/<uuid:draft_id>/photo", intake.photo, name="intake_photo"),
    path("intake/<uuid:draft_id>/rename", intake.rename, name="intake_rename"),
    path("intake/<uuid:draft_id>/drop", intake.drop, name="intake_drop"),
    path("intake/<uuid:draft_id>/submit", intake.submit, name="intake_submit"),
    path("incidents/", incidents.incident_list, name="incidents"),
    path("incidents/retry", incidents.retry, name="retry"),
    path("incidents/<uuid:incident_id>/", incidents.incident, name="incident"),
    path("incidents/<uuid:incident_id>/retry", incidents.retry_one, name="retry_one"),
    path("incidents/<uuid:incident_id>/by-hand", incidents.by_hand, name="by_hand"),
    path("notices/", notices.notice_list, name="notices"),
    path("notices/retry", notices.retry, name="notice_retry"),
    path("notices/<uuid:notice_id>/retry", notices.retry_one, name="notice_retry_one"),
    path("papers/<uuid:paper_id>.pdf", papers.paper, name="paper"),
    path("attachments/<uuid:attachment_id>", papers.attachment, name="attachment"),
    path("attachments/<uuid:attachment_id>/discard", photos.discard, name="photo_discard"),
    path("search/", search.search, name="search"),
    path("preferences/theme", preferences.theme, name="theme"),
]
