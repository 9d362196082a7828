"""A county with people, and processes run in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from kaitong.core.ids import uuid7
from kaitong.core.tests.kept import kept
from kaitong.org.actor import Actor
from kaitong.process import actions, definitions, services
from kaitong.process.sweeper import check
from kaitong.process.tests.shell_kit import INSTALLATION, Receiver, drawing, external


@dataclass
class Crew:
    clerk: Actor
    installer: Actor
    other_installer: Actor
    service: Actor
    supervisor: Actor
    stranger: Actor


@pytest.fixture
def crew(county: Any, other_county: Any, staff_of: Any) -> Crew:
    return kept(
        ("crew", county.pk, other_county.pk),
        lambda: Crew(
            clerk=staff_of(county, "clerk", "clerk"),
            installer=staff_of(county, "fitter", "installer", "service"),
            other_installer=staff_of(county, "fitter2", "installer", "service"),
            service=staff_of(county, "service", "service"),
            supervisor=staff_of(county, "boss", "supervisor"),
            stranger=staff_of(other_county, "stranger", "clerk", "installer", "supervisor"),
        ),
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """The installed external action `write-data`."""
    double = Receiver()
    with actions.installed(external("write-data", double)):
        yield double


@pytest.fixture
def begin(county: Any) -> Any:
    """Deploy a drawing and start it: `begin(text, parameters=..., **variables)` -> instance id."""
    definitions.forget()

    def make(
        text: str = INSTALLATION,
        *,
        parameters: dict[str, Any] | None = None,
        called: dict[str, str] | None = None,
        **variables: Any,
    ) -> UUID:
        """`called` are drawings by their keys, each after those it calls itself."""
        calls: dict[str, UUID] = {}
        for key, inside in (called or {}).items():
            data = drawing(inside, key)
            calls[key] = services.deploy(
                playbook="kit", key=key, data=data, file=f"{key}.bpmn", calls=dict(calls)
            ).pk
        definition = services.deploy(
            playbook="kit", key="kit", data=drawing(text), file="kit.bpmn", calls=calls
        )
        return services.start(
            actor=Actor.system(),
            definition_id=definition.pk,
            business_id=uuid7(),
            branch_id=county.pk,
            variables=variables,
            parameters=parameters or {},
        )

    return make


@pytest.fixture(autouse=True)
def nothing_orphaned(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test with a database the sweeper finds nothing."""
    yield
    if "county" in request.fixturenames:
        assert [str(problem) for problem in check()] == []
