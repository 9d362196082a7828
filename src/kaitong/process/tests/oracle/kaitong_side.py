"""A case on Kaitong's pure core: each process, and each it calls, in a shell in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from kaitong.process.bpmn import parse
from kaitong.process.model import (
    Broadcast,
    Completed,
    MessageArrived,
    Model,
    SignalArrived,
    TimerFired,
    WaitKind,
)
from kaitong.process.tests.core_kit import NOW, Game
from kaitong.process.tests.oracle.drawn import Drawn
from kaitong.process.tests.oracle.plans import Case


class Here:
    """What is open, what was done in which order, and how it ended."""

    def __init__(self, case: Case):
        self.drawn = Drawn("p", spiff=False).whole(case.plan)
        self.models: dict[str, Model] = {
            key: parse(drawing.text().encode(), f"{key}.bpmn")
            for key, drawing in self.drawn.files.items()
        }
        self.games: list[Game] = []
        self.children: dict[tuple[int, UUID], Game] = {}
        self.trace: list[str] = []
        self.read: dict[int, int] = {}  # lines of a game's history that are in the trace
        self.heard: dict[int, int] = {}  # how much of what a game said was told to who listens
        variables = {**case.variables, "run": "1"}
        self.root = self.begin("p", variables, frozenset())
        self.settle()

    def begin(self, key: str, variables: Mapping[str, Any], catches: frozenset[str]) -> Game:
        game = Game(self.models[key], {"work": dict}, catches=catches, **variables)
        self.games.append(game)
        self.keep()
        return game

    def keep(self) -> None:
        for at, game in enumerate(self.games):
            for record in game.history[self.read.get(at, 0) :]:
                if record.kind == "left":
                    self.trace.append(record.node)
            self.read[at] = len(game.history)

    def settle(self) -> None:
        """Begin and end called processes until nothing moves by itself."""
        moved = True
        while moved:
            moved = False
            for at, game in enumerate(list(self.games)):
                moved |= self.tell(at, game)
                for token, call in list(game.children.items()):
                    child = self.children.get((id(game), token))
                    if child is None:
                        child = self.begin(call.called, call.inputs, call.catches)
                        self.children[id(game), token] = child
                        moved = True
                    elif child.state:
                        if child.end.error:
                            game.error(call.node, child.end.error, **child.end.values)
                        else:
                            game.returned(call.node, **child.variables)
                        self.keep()
                        moved = True

    def tell(self, at: int, game: Game) -> bool:
        """A signal is heard by everybody who listens; whether anything was said."""
        said = game.said[self.heard.get(at, 0) :]
        self.heard[at] = len(game.said)
        for one in said:
            if not isinstance(one, Broadcast):
                continue
            for other in self.living():
                for (token, node), row in list(other.subscriptions.items()):
                    if row.kind is WaitKind.SIGNAL and row.message == one.signal:
                        event = SignalArrived(now=NOW, token=token, node=node, values=one.values)
                        other.play(event)
            self.keep()
        return bool(said)

    def living(self) -> list[Game]:
        """Games whose callers still wait for them."""
        living = [self.root]
        for game in living:
            begun = (self.children.get((id(game), token)) for token in game.children)
            living += [child for child in begun if child is not None]
        return [game for game in living if not game.state]

    def offers(self) -> list[tuple[str, str]]:
        """What may happen next, each as what is done and the node."""
        found = []
        for game in self.living():
            found += [("do", node) for node in game.work.values()]
            found += [("fire", node) for _token, node in game.timers]
            found += [
                ("tell", node)
                for (_token, node), row in game.subscriptions.items()
                if row.kind is WaitKind.MESSAGE
            ]
            found += [("incident", one.node) for one in game.incidents.values()]
        return sorted(found)

    def play(self, offer: tuple[str, str], answer: Mapping[str, Any]) -> None:
        what, node = offer
        for game in self.living():
            token = next((token for token, at in game.work.items() if at == node), None)
            if what == "do" and token is not None:
                game.play(Completed(now=NOW, token=token, values=answer))
                break
            rows = game.timers if what == "fire" else game.subscriptions
            host = next((token for token, at in rows if at == node), None)
            if host is not None and what == "fire":
                game.play(TimerFired(now=NOW, token=host, node=node))
                break
            if host is not None:
                game.play(MessageArrived(now=NOW, token=host, node=node, values=answer))
                break
        self.keep()
        self.settle()

    @property
    def ended(self) -> bool:
        return bool(self.root.state)

    @property
    def variables(self) -> dict[str, Any]:
        return self.root.variables
