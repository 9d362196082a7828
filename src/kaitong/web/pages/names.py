"""Names of posts and process states in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.inventory.results import ServiceView
from kaitong.org import queries as org


def post_names() -> dict[str, str]:
    """Titles of posts by key, in one query."""
    english = wording.english()
    return {
        key: post.name_en if english and post.name_en else post.name
        for key, post in org.posts_by_key().items()
    }


def login_label(service: ServiceView) -> str:
    """What the name is called by which a service is known: a telephone sold alone has a number."""
    return _("电话号码") if "number" in service.characteristics else _("宽带账号")
