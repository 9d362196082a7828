from __future__ import annotations

import pytest

from kaitong.org import services as org
from kaitong.places import services as places
from kaitong.transfer.tests.kit import REGIONS, SYSTEM


@pytest.fixture
def branch(county):
    """A county branch with its regions and the posts that import."""
    for key in ("resource", "supervisor", "clerk"):
        org.ensure_post(key=key, name=key)
    places.add_regions(actor=SYSTEM, rows=REGIONS)
    return county


@pytest.fixture
def keeper(branch, staff_of):
    """Somebody of the resource post."""
    return staff_of(branch, "keeper", "resource")
