"""The fixtures of the packages serve the end-to-end tests too."""

from kaitong.conftest import (
    county,
    django_db_setup,
    other_county,
    own_language,
    playbooks_read_once,
    shared,
    staff_of,
)

__all__ = [
    "county",
    "django_db_setup",
    "other_county",
    "own_language",
    "playbooks_read_once",
    "shared",
    "staff_of",
]
