"""Kea's own commands, by its control agent (HTTP): what only the server itself can do to a lease.

The commands are those of its lease hook (`libdhcp_lease_cmds`), which the server must have loaded.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from kaitong.activation.adapters.base import Conversation
from kaitong.activation.errors import ElementProblem, RefusedByElement, Unreachable

_SECONDS = 5.0
_LONGEST = 100_000  # octets of an answer that are read
_DONE, _UNKNOWN_COMMAND, _NONE = 0, 2, 3  # results of a command


class KeaControl:
    """The control agent of one server. `place`: url, user."""

    def __init__(self, place: Mapping[str, Any], password: str) -> None:
        self.url, self.user = str(place.get("url") or ""), str(place.get("user") or "")
        self._password = password
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise ElementProblem(
                "网元没有 Kea 控制接口的地址。", "登记 control 的 url 和 user。", field="control"
            )

    def end_lease(self, address: str, talk: Conversation) -> bool:
        """Whether there was one to end."""
        asked = {
            "command": "lease4-del",
            "service": ["dhcp4"],
            "arguments": {"ip-address": address},
        }
        talk.sent(f"-- {self.url}\n{json.dumps(asked)}")
        told = self._ask(asked)
        result, text = int(told.get("result", 1)), str(told.get("text", ""))
        talk.got(f"result {result}: {text}")
        if result in (_DONE, _NONE):
            return result == _DONE
        if "forward command" in text:  # the agent lives, its server does not
            raise Unreachable("Kea 控制接口联系不到 DHCP 服务。", "系统会自动重试。")
        if result == _UNKNOWN_COMMAND:
            raise ElementProblem(
                "Kea 没有装载租约命令。", "装载 libdhcp_lease_cmds，或把 cut 改为 database。"
            )
        raise RefusedByElement(f"Kea 没有结束地址 {address} 的租约（{text[:80]}）。")

    def _ask(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - http and https only, see above
            self.url,
            data=json.dumps(asked).encode(),
            headers={"Content-Type": "application/json"},
        )
        if self.user:
            token = base64.b64encode(f"{self.user}:{self._password}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                told = json.loads(answer.read(_LONGEST))
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                raise ElementProblem(
                    "Kea 控制接口不接受开通的用户。", "更正 control 的用户和密码。"
                ) from None
            raise Unreachable(
                f"Kea 控制接口没有应答（{error.code}）。", "系统会自动重试。"
            ) from None
        except (OSError, ValueError):
            raise Unreachable("Kea 控制接口没有应答。", "系统会自动重试。") from None
        found = told[0] if isinstance(told, list) and told else told
        return found if isinstance(found, Mapping) else {}
