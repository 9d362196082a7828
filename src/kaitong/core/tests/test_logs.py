"""The log: a refusal is one line, a fault keeps its traceback."""

from __future__ import annotations

import io
import logging

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied


@pytest.mark.parametrize(
    ("raised", "traced"), [(PermissionDenied("no"), False), (ValueError("broken"), True)]
)
def test_only_faults_are_told_with_a_traceback(raised, traced):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    for name in settings.LOGGING["handlers"]["console"]["filters"]:
        handler.addFilter(settings.LOGGING["filters"][name]["callback"])
    logger = logging.Logger("refusals")
    logger.addHandler(handler)
    try:
        raise raised
    except Exception as error:
        logger.warning("Forbidden: /money/", exc_info=error)
    assert "Forbidden: /money/" in written.getvalue()
    assert ("Traceback" in written.getvalue()) is traced
