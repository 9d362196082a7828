"""The script task (脚本任务): a FEEL expression that sets variables within the step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kaitong.process.feel import FeelError, plain
from kaitong.process.model import Node, Token

if TYPE_CHECKING:
    from kaitong.process.advance_moves import Moves

_NAME = re.compile(r"[^\W\d]\w*")


def run(moves: Moves, token: Token, node: Node) -> None:
    """Evaluate the script; what it cannot compute waits for a person.

    `kaitong:in` gives names for the script alone. The value goes to the variable `kaitong:result`,
    or is a context whose entries are variables; `kaitong:out` maps either.
    """
    if moves.looping(token, node):
        return
    try:
        given = {
            name: expression.evaluate(moves.variables) for name, expression in node.inputs.items()
        }
        value = plain(node.script.evaluate({**moves.variables, **given}))
        answers = moves.answers(node, _entries(node, value))
    except (FeelError, ValueError) as error:
        moves.incident(token, node, "data", f"脚本没有结果：{error}")
        return
    moves.set_variables(answers)
    moves.leave(token, node)


def _entries(node: Node, value: object) -> Mapping[str, object]:
    if node.result:
        return {node.result: value}
    if not isinstance(value, Mapping):
        raise ValueError("脚本应给出一个上下文（context），它的各项就是变量。")
    for name in value:
        if not _NAME.fullmatch(str(name)):
            raise ValueError(f"“{name}”不能作变量名。")
    return value
