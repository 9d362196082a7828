"""Generated calls against our own OpenAPI: nothing breaks, and every answer is as described.

Data that break the description are told as 4xx by other tests; here "null for an optional
attribute" would count as broken, which the design guidelines let in.
"""

from contextlib import contextmanager

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis import checks

from kaitong.tmf.tests.conftest import ORDERS, SERVICES

CHECKS = [
    checks.not_a_server_error,
    checks.allow_header_conformance,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# A body of this contract nests without end and takes long to make up.
EXAMPLES = {"get": 10, "post": 3, "patch": 3}
OPERATIONS = [
    (ORDERS, "get /serviceOrder"),
    (ORDERS, "post /serviceOrder"),
    (ORDERS, "get /serviceOrder/{id}"),
    (ORDERS, "patch /serviceOrder/{id}"),
    (ORDERS, "post /hub"),
    (ORDERS, "get /cancelServiceOrder"),
    (ORDERS, "post /cancelServiceOrder"),
    (ORDERS, "get /cancelServiceOrder/{id}"),
    (SERVICES, "get /service"),
    (SERVICES, "get /service/{id}"),
]


@contextmanager
def kept_connection():
    """The calls share the test's transaction: its connection stays open between them."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@pytest.mark.django_db
@pytest.mark.parametrize(("base", "name"), OPERATIONS, ids=[name for _, name in OPERATIONS])
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_generated_calls(call, plant, body, base, name, mode):
    assert call.post(body).status_code == 201
    root = base.rpartition("/")[0]
    with kept_connection():
        schema = schemathesis.openapi.from_wsgi(f"{root}/openapi.json", get_wsgi_application())
    method, path = name.split()
    operation = schema[f"{root}{path}"][method]
    seen = set()

    @settings(
        max_examples=EXAMPLES[method],
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def run(case):
        response = case.call(headers=call.headers)
        case.validate_response(response, checks=CHECKS, headers=call.headers)
        seen.add(response.status_code)

    with kept_connection():
        run()
    assert seen, "calls were made"
