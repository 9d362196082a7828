"""What a service is called where somebody reads about it: 这条宽带, 这部固定电话, its 电话号码.

The words stand with the service's specification (`names:` in a playbook) in both languages; a
specification without them is spoken of as a service. No product is named in Python. Where services
of several kinds stand together (lists, searches) everybody says 业务号码, and so do sentences that
machines store, for these are read in any language later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils.translation import gettext as _

from kaitong.catalog.models import ServiceSpecification
from kaitong.core import plain, wording

THIS, ACCOUNT, PASSWORD = "this", "account", "password"
WORDS = (THIS, ACCOUNT, PASSWORD)


class Called(Protocol):
    """Anything that knows by which specification it was made."""

    @property
    def playbook(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def specification(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Names:
    """The words in the reader's language, as they stand by themselves (on a label)."""

    this: str
    account: str
    password: str

    def say(self, template: str, **facts: object) -> str:
        """A sentence with `%(this)s`, `%(account)s`, `%(password)s` in it: `template` is already in
        the reader's language."""
        words = {THIS: self.this, ACCOUNT: self.account, PASSWORD: self.password}
        return _first_big(template % ({k: _first_small(v) for k, v in words.items()} | facts))


def of(service: Called) -> Names:
    """The names of a service's own version of its specification; one statement."""
    return of_specification(service.playbook, service.version, service.specification)


def of_specification(playbook: str, version: str, key: str) -> Names:
    where = "playbook = %s and version = %s and key = %s limit 1"
    rows = plain.kept(ServiceSpecification, where, [playbook, version, key])
    return read(rows[0].names if rows else {})


def kept(words: Mapping[str, str], english: Mapping[str, str]) -> dict[str, str]:
    """A playbook's words as the catalogue keeps them."""
    return {
        name: told
        for word, text in words.items()
        for name, told in ((word, text), (f"{word}_en", english.get(text, "")))
    }


def read(told: dict[str, Any]) -> Names:
    """Names as the catalogue keeps them, in the reader's language."""
    english = "_en" if wording.english() else ""
    anything = {THIS: _("这项业务"), ACCOUNT: _("业务号码"), PASSWORD: _("业务密码")}
    return Names(**{word: _first_big(told.get(word + english) or anything[word]) for word in WORDS})


def _first_big(text: str) -> str:
    return text[:1].upper() + text[1:]


def _first_small(text: str) -> str:
    """A label within a sentence: "Broadband account" is "broadband account", "IPTV" stays."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
