"""`orders`: whole orders a second, beside how fast this machine can commit at all.

An order is submitted, checked, wired, activated, proven, appointed, installed, accepted and
completed: people's work by its form's example, machines' by `process.commands`. Twice: on the
lab's FreeRADIUS, and with activation answering at once, so that the platform's own cost is seen.
pgbench does as many commits as an order takes, in turn with the walks.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from kaitong.bench import commits, world
from kaitong.bench.figures import Figure, median, percentile, say
from kaitong.bench.place import COMMITS, Place, child

CPU_MS_A_STEP = 25.0
SHARE_OF_COMMITS = 0.05
SCALING = 1.3
ROOMS_A_WALKER = 3000
SEEDED_BY = ("src/kaitong/bench/world.py", "src/kaitong/demo/people.py", "library/**/*")


@dataclass(frozen=True, slots=True)
class Size:
    """How much to do. A round is pgbench and Kaitong in turn, with one and with `most` workers."""

    seconds: float = 5.0
    rounds: int = 2
    most: int = 4
    calibrate: int = 5
    networks: tuple[bool, ...] = (False, True)  # activation at once, activation on FreeRADIUS


SMALL = Size(seconds=1.0, rounds=1, most=2, calibrate=1)


@dataclass(slots=True)
class _Rounds:
    """What one number of workers did, round by round."""

    orders: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    cpu: float = 0.0
    steps: int = 0
    modem: float = 0.0
    done: int = 0
    seconds: list[float] = field(default_factory=list)


class _Team:
    """Worker processes, started once and told to walk together."""

    def __init__(self, workers: int, network: bool, base: int) -> None:
        options = ["--network"] if network else []
        self.processes = [
            child(
                "kaitong.bench.walker",
                "--first",
                str(base + ROOMS_A_WALKER * n),
                *options,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for n in range(workers)
        ]
        for process in self.processes:
            hear(process)

    def do(self, workers: int, **order: Any) -> list[dict[str, Any]]:
        """Give the first of them an order and collect their answers."""
        told = self.processes[:workers]
        for process in told:
            assert process.stdin is not None
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        return [hear(process) for process in told]

    def stop(self) -> None:
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self.processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def hear(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait(timeout=10)
        raise commits.BenchError("A worker of the benchmark ended.", "See its message above.")
    found: dict[str, Any] = json.loads(line)
    return found


def run(place: Place, size: Size) -> list[Figure]:
    """All figures of `orders`."""
    figures: list[Figure] = []
    template = world_template(place)
    with place.database("bench_orders", template), _commit_database(place) as commit_url:
        if False in size.networks:
            figures += _variant(commit_url, "without network", size, network=False, base=0)
        if True in size.networks:
            with radius() as lacking:
                if lacking:
                    say(f"no figures with the network: {lacking}")
                else:
                    # other rooms than the first team's
                    base = ROOMS_A_WALKER * size.most
                    figures += _variant(commit_url, "FreeRADIUS", size, network=True, base=base)
    return figures


def world_template(place: Place) -> str:
    """A migrated and seeded database with rooms and ports for every walker of both teams."""

    def make() -> None:
        county = world.people_and_playbooks()
        rooms = ROOMS_A_WALKER * 4 * 2
        world.lay_plant(county, first=0, boxes=rooms // world.ROOMS, terminals=rooms)

    migrated = place.template(
        "migrated", world.migrate, shaped_by=("src/kaitong/*/migrations/*.py",)
    )
    return place.template("seeded", make, shaped_by=SEEDED_BY, base=migrated)


@contextmanager
def _commit_database(place: Place) -> Iterator[str]:
    """Where pgbench writes: nothing of Kaitong is in it."""
    with place.scratch(COMMITS) as url:
        commits.prepare(url)
        yield url


@contextmanager
def radius() -> Iterator[str]:
    """The lab's FreeRADIUS of the benchmark's own state folder; a reason when it is lacking."""
    from kaitong.demo import network
    from kaitong.lab.errors import LabError
    from kaitong.lab.radius import RadiusLab

    lab = RadiusLab()
    with ExitStack() as stack:
        try:
            before = lab.status()
            say("starting FreeRADIUS")
            lab.up()
            if before is None or not before.running:
                stack.callback(lab.down)
            network.register(lab)
        except LabError as error:
            yield str(error)
            return
        yield ""


def _variant(commit_url: str, name: str, size: Size, *, network: bool, base: int) -> list[Figure]:
    say(f"orders, {name}: starting {size.most} workers")
    team = _Team(size.most, network, base)
    try:
        team.do(size.most, do="walk", seconds=60, orders=1)  # everything is in memory now
        team.do(size.most, do="finish")
        told = team.do(1, do="calibrate", orders=size.calibrate)[0]
        # From here on each keeps some orders in flight, also over the pauses between rounds.
        team.do(size.most, do="walk", seconds=60, orders=2)
        an_order, steps = told["commits"], told["steps"]
        say(f"an order takes {an_order:.1f} commits and {steps:.1f} steps")
        found = {workers: _Rounds() for workers in (1, size.most)}
        for number in range(size.rounds):
            for workers, rounds in found.items():
                bare = commits.limit(
                    commit_url, clients=workers, seconds=size.seconds / 2, commits=an_order
                )
                answers = team.do(workers, do="walk", seconds=size.seconds)
                rounds.commits.append(bare)
                rounds.orders.append(sum(a["orders"] / a["took"] for a in answers))
                rounds.cpu += sum(a["cpu"] for a in answers)
                rounds.steps += sum(a["steps"] for a in answers)
                rounds.modem += sum(a["cpu_children"] for a in answers)
                rounds.done += sum(a["orders"] for a in answers)
                rounds.seconds += [s for a in answers for s in a["seconds"]]
                say(
                    f"round {number + 1}/{size.rounds}, {workers} workers:"
                    f" {rounds.orders[-1]:.2f} orders/s beside {bare:.1f}"
                )
    finally:
        team.stop()
    return list(_told(name, found, an_order, steps, size.most))


def _told(
    name: str, found: dict[int, _Rounds], an_order: float, steps: float, most: int
) -> Iterator[Figure]:
    yield Figure(f"orders, {name}: writing commits an order", an_order, "commits")
    yield Figure(f"orders, {name}: steps an order", steps, "steps")
    for workers, rounds in found.items():
        who = f"orders, {name}, {workers} worker{'s' if workers > 1 else ''}"
        speed, bare = median(rounds.orders), median(rounds.commits)
        yield Figure(who, speed, "orders/s", note=f"{rounds.done} orders walked")
        yield Figure(
            f"{who}: commit limit",
            bare,
            "orders/s",
            note=f"pgbench, {workers} clients, same commits",
        )
        yield Figure(f"{who}: share of the limit", speed / bare, "", ">=", SHARE_OF_COMMITS)
        if rounds.steps:
            yield Figure(
                f"{who}: CPU a step", rounds.cpu / rounds.steps * 1000, "ms", "<=", CPU_MS_A_STEP,
                note=f"modem besides: {rounds.modem / max(rounds.done, 1) * 1000:.0f} ms an order"
                if rounds.modem
                else "",
            )  # fmt: skip
        if rounds.seconds:
            yield Figure(f"{who}: order p95", percentile(rounds.seconds, 0.95), "s")
    one, many = median(found[1].orders), median(found[most].orders)
    if one and most > 1:
        yield Figure(f"orders, {name}: {most} workers over 1", many / one, "times", ">=", SCALING)
