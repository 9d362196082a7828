"""A state folder of its own for each test, so that files can be counted."""

import pytest

from kaitong.core.crypto import forget_cached_keys


@pytest.fixture(autouse=True)
def state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KAITONG_HOME", str(tmp_path))
    forget_cached_keys()
    yield tmp_path
    forget_cached_keys()


@pytest.fixture
def clerk(county, staff_of):
    return staff_of(county, "clerk", "clerk")


@pytest.fixture
def foreigner(other_county, staff_of):
    return staff_of(other_county, "foreign", "clerk")
