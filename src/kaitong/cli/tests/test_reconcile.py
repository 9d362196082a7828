"""`./run kaitong reconcile` against the real AAA server."""

from __future__ import annotations

import json

import pytest

from kaitong.cli.__main__ import main
from kaitong.lab.tests.conftest import aaa, lab, running_lab  # noqa: F401  fixtures
from kaitong.lab.tests.test_activation import ctx, element, service  # noqa: F401  fixtures
from kaitong.lab.tests.test_reconciling import (  # noqa: F401  fixtures
    alone,
    clerk,
    found,
    plan_row,
    working,
)

pytestmark = [pytest.mark.radius, pytest.mark.django_db]


def test_the_command_lists_and_repairs(element, working, alone, clerk, capsys):  # noqa: F811
    plan_row(alone, working.account)
    assert main(["reconcile", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (difference,) = told["differences"]
    assert (difference["kind"], difference["account"]) == ("different", working.account)
    assert main(["reconcile", "--resend", difference["id"], "--as", "own"]) == 0
    assert found() == {}
