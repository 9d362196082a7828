"""What a playbook says of work on the spot (`fieldwork:`): reasons, and the processes it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault
from kaitong.fieldwork.errors import ChangeRefused


@dataclass(frozen=True, slots=True)
class PortReason:
    """Why a port is left, what it is afterwards, and whether the resource post looks at it."""

    key: str
    title: str
    old: str = "free"  # free, damaged
    resource_check: bool = False


@dataclass(frozen=True, slots=True)
class TerminalReason:
    """Why a terminal is replaced, and where the old one goes."""

    key: str
    title: str
    old: str = "issued"  # issued, in-stock, to-recover, scrapped


@dataclass(frozen=True, slots=True)
class ReturnReason:
    """A reason to give the order back (退单), of two levels."""

    key: str
    title: str
    reasons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """One playbook version's `fieldwork:`, its processes as deployed definitions."""

    port: tuple[PortReason, ...] = ()
    correction: str = ""  # the port reason of a corrected record
    terminal: tuple[TerminalReason, ...] = ()
    returns: tuple[ReturnReason, ...] = ()
    resource_check: UUID | None = None
    resend: UUID | None = None
    on_site: tuple[str, ...] = field(default=())

    @classmethod
    def read(cls, entry: Mapping[str, Any], definitions: Mapping[str, str]) -> Rules:
        """Of a checked `fieldwork:` and the definitions its processes were deployed as."""

        def definition(name: str) -> UUID | None:
            found = definitions.get(name)
            return UUID(found) if found else None

        return cls(
            port=tuple(
                PortReason(r["key"], r["title"], r["old"], bool(r.get("resource-check")))
                for r in entry.get("port-reasons", ())
            ),
            correction=str(entry.get("correction", "")),
            terminal=tuple(
                TerminalReason(r["key"], r["title"], r["old"])
                for r in entry.get("terminal-reasons", ())
            ),
            returns=tuple(
                ReturnReason(
                    r["key"], r["title"], tuple((one["key"], one["title"]) for one in r["reasons"])
                )
                for r in entry.get("return-reasons", ())
            ),
            resource_check=definition("resource-check"),
            resend=definition("resend"),
            on_site=tuple(entry.get("on-site", ())),
        )

    def port_reason(self, key: str) -> PortReason:
        return _one(self.port, key)

    def terminal_reason(self, key: str) -> TerminalReason:
        return _one(self.terminal, key)

    def return_title(self, group: str, key: str) -> str:
        """Both levels in words, or BadInput."""
        for one in self.returns:
            if one.key == group:
                for inner, title in one.reasons:
                    if inner == key:
                        return f"{one.title}：{title}"
        raise BadInput([InputFault("reason", _("没有这个原因。"), _("请从列出的原因中选。"))])

    def need(self, definition: UUID | None) -> UUID:
        if definition is None:
            raise ChangeRefused(_("这张订单的流程包没有现场变更。"), _("请联系资源配置岗办理。"))
        return definition


def _one(rows: tuple[Any, ...], key: str) -> Any:
    for row in rows:
        if row.key == key:
            return row
    raise BadInput([InputFault("reason", _("没有这个原因。"), _("请从列出的原因中选。"))])
