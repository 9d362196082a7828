"""The demo's AAA server, as the lab on this machine has it; telephones' and television's elements
are told of by `demo.platforms`, once they run."""

from __future__ import annotations

from kaitong.activation import services as activation
from kaitong.lab.radius import RadiusLab
from kaitong.org import queries as org


def register(lab: RadiusLab) -> None:
    """Tell Kaitong where the AAA server is, or will be once it is started."""
    settings = lab.settings()
    activation.register_element(
        key="radius",
        kind="aaa",
        title="认证系统 FreeRADIUS",
        branch_id=org.branch_by_code("AH").id,
        connection=settings.connection(),
        secret=settings.secrets(),
    )
