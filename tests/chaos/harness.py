"""The chaos itself: `python -m tests.chaos.harness --kills 200 --seed 7 --folder DIR`.

One process with Django loaded and no connection forks the others, so that a killed worker is back
within a moment and most kills hit work. Each runs the code that `./run kaitong worker` and
`./run kaitong serve` run. Prints a report as JSON on its last line; 0 when nothing is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from kaitong.core.postgres import Cluster, PostgresError, binaries, free_port

PR_SET_PDEATHSIG = 1
LEASE_SECONDS = "4"
RESTART_SECONDS = 0.7  # as a supervisor of services waits before it starts one again
# Who is killed, and how often. `backend`: one of PostgreSQL's processes, which ends them all;
# `postmaster`: the server at once, as when the machine stops.
VICTIMS = {
    "worker": 8,
    "people": 4,
    "clerk": 1,
    "serve": 2,
    "answering": 1,
    "receiver": 2,
    "backend": 2,
    "postmaster": 2,
}


@dataclass
class Plan:
    kills: int
    seed: int
    folder: Path
    starts: int  # orders of the processes, all people together
    lines: int  # real orders, half over HTTP
    pause: tuple[float, float]  # seconds between kills
    seconds: float  # after so long no more is killed
    rest: float  # seconds in which everything must come to its end
    template: str  # a database with the schema; empty: migrate
    mutate: str = ""  # a fault to put in: the run must find it


class Harness:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rng = random.Random(plan.seed)
        self.cluster = Cluster(plan.folder / "pg", settings={"shared_buffers": "128MB"})
        self.children: dict[str, int] = {}
        self.resting: dict[str, float] = {}  # ended by itself: begun again at
        self.next: list[str] = []  # who is killed next, the last first
        self.killed: Counter[str] = Counter()
        self.died: Counter[str] = Counter()
        self.jobs: dict[str, Callable[[], object]] = {}
        self.ports = (free_port(), free_port())

    # ---- beginning ----

    def prepare(self) -> None:
        folder = self.plan.folder
        self.cluster.start(120)
        url = self.cluster.application("kaitong", "kaitong")
        os.environ.update(
            KAITONG_DATABASE_URL=url,
            KAITONG_HOME=str(folder / "home"),
            KAITONG_LEASE_SECONDS=LEASE_SECONDS,
            KAITONG_CHAOS_RECEIVER=str(self.ports[0]),
            KAITONG_CHAOS_KIND=str(folder / "be-kind"),
            DJANGO_SETTINGS_MODULE="kaitong.settings.base",
            KAITONG_LOG="WARNING",
        )
        if self.plan.template:
            copy_schema(self.plan.template, url)
        import django

        django.setup()
        from tests.chaos import acting

        acting.install()
        if self.plan.mutate:
            from tests.chaos.mutations import MUTATIONS

            MUTATIONS[self.plan.mutate]()

    def begin(self) -> None:
        """Seed, then start everybody."""
        from tests.chaos import world

        plan, folder = self.plan, self.plan.folder
        self.whole("migrate", migrate)
        self.whole("seed", lambda: world.seed(folder, plan.lines * 2 + 4))
        with psycopg.connect(self.cluster.dsn("kaitong"), autocommit=True) as link:
            link.execute("checkpoint")  # a crash replays what happened since, not all of this
        people, workers = 2, 3
        self.jobs["receiver"] = lambda: receiver(folder, self.ports[0], plan.seed)
        for number in range(workers):
            self.jobs[f"worker-{number}"] = lambda: kaitong("worker")
        self.jobs["serve"] = lambda: kaitong(
            "serve", "--port", str(self.ports[1]), "--processes", "2"
        )
        share = -(-plan.starts // people)
        real = -(-plan.lines // (2 * people))
        for number in range(people):
            name = f"people-{number}"
            self.jobs[name] = lambda name=name: person(name, folder, self.draw(), share, real)
        self.jobs["clerk-0"] = lambda: clerk(
            "clerk-0", folder, self.draw(), self.ports[1], plan.lines // 2
        )
        for name in self.jobs:
            self.spawn(name)

    def draw(self) -> str:
        """What a child draws its chances from: another one in each of its lives."""
        return f"{self.plan.seed}/{sum(self.killed.values())}/{os.getpid()}"

    def spawn(self, name: str) -> None:
        self.children[name] = self.fork(name, self.jobs[name])

    def fork(self, name: str, job: Callable[[], object]) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            log = os.open(
                self.plan.folder / f"{name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
            )
            os.dup2(log, 1)
            os.dup2(log, 2)
            status = int(job() or 0)  # type: ignore[call-overload]
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def whole(self, name: str, job: Callable[[], object]) -> None:
        """Run something in a child to its end."""

        def quiet() -> int:
            job()
            return 0

        _pid, status = os.waitpid(self.fork(name, quiet), 0)
        if status:
            text = (self.plan.folder / f"{name}.log").read_text()[-3000:]
            raise SystemExit(f"{name} failed ({status}):\n{text}")

    # ---- killing ----

    def rage(self) -> None:
        """Kill and start again until there were enough kills."""
        until = time.monotonic() + self.plan.seconds
        names = list(VICTIMS)
        while sum(self.killed.values()) < self.plan.kills and time.monotonic() < until:
            self.idle(self.rng.uniform(*self.plan.pause))
            if not self.next:  # each kind at least once in so many kills, else by their weights
                self.next = self.rng.choices(names, list(VICTIMS.values()), k=12 - len(names))
                self.next += names
                self.rng.shuffle(self.next)
            victim = self.next.pop()
            if self.kill(victim):
                self.killed[victim] += 1
                say(f"kill {sum(self.killed.values())} {victim}")

    def idle(self, seconds: float) -> None:
        """Wait, and start again whoever ended by himself (with PostgreSQL away nobody begins)."""
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            for name, pid in list(self.children.items()):
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    self.died[f"{name.partition('-')[0]}:{os.waitstatus_to_exitcode(status)}"] += 1
                    del self.children[name]
                    self.resting[name] = now + RESTART_SECONDS
            for name, at in list(self.resting.items()):
                if at <= now:
                    del self.resting[name]
                    self.spawn(name)
            left = until - now
            if left <= 0:
                return
            time.sleep(min(left, 0.1))

    def kill(self, victim: str) -> bool:
        if victim == "postmaster":
            return self.kill_postmaster()
        if victim == "backend":
            found = [
                pid for pid in children_of(self.postmaster()) if b"kaitong " in command_line(pid)
            ]
            return bool(found) and slay(self.rng.choice(found))
        if victim == "answering":
            found = children_of(self.children.get("serve", 0))
            return bool(found) and slay(self.rng.choice(found))
        names = [n for n in self.children if n.partition("-")[0] == victim]
        if not names:
            return False
        name = self.rng.choice(names)
        slay(self.children[name])
        os.waitpid(self.children[name], 0)
        if victim == "serve":
            self.wait_for_port(self.ports[1])
        self.spawn(name)
        return True

    def postmaster(self) -> int:
        return int((self.cluster.data / "postmaster.pid").read_text().split("\n")[0])

    def kill_postmaster(self) -> bool:
        pid = self.postmaster()
        others = children_of(pid)
        slay(pid)
        if self.rng.random() < 0.5:  # the whole machine, not the server alone
            for other in others:
                slay(other)
        until = time.monotonic() + 30
        while any(Path(f"/proc/{p}").exists() for p in [pid, *others]):
            if time.monotonic() > until:
                raise SystemExit("PostgreSQL's processes do not end.")
            time.sleep(0.02)
        self.wait_for_port(self.cluster.port)
        for attempt in range(5):
            try:
                self.cluster.start(60)
                return True
            except PostgresError:
                if attempt == 4:
                    raise
                time.sleep(0.5)
        return True

    def wait_for_port(self, port: int) -> None:
        until = time.monotonic() + 15
        while not Cluster._port_is_free(port) and time.monotonic() < until:
            time.sleep(0.05)

    # ---- ending ----

    def settle(self) -> bool:
        """No more kills, a kind world: everything comes to its end."""
        (self.plan.folder / "be-kind").touch()
        until = time.monotonic() + self.plan.rest
        while time.monotonic() < until:
            self.idle(1.0)
            if self.everything_asked() and self.open_things() == 0:
                return True
        return False

    def everything_asked(self) -> bool:
        from tests.chaos.journal import read

        lines = [line for p in self.plan.folder.glob("*.journal") for line in read(p)]
        started = {line["key"] for line in lines if line["kind"] == "started"}
        orders = {line["key"] for line in lines if line["kind"] == "submitted"}
        return len(started) >= self.plan.starts and len(orders) >= self.plan.lines

    def open_things(self) -> int:
        with contextlib.suppress(psycopg.OperationalError):
            with psycopg.connect(os.environ["KAITONG_DATABASE_URL"], connect_timeout=5) as link:
                row = link.execute(
                    "select (select count(*) from process_instance where state = 'running')"
                    " + (select count(*) from process_command where lease_until > now())"
                ).fetchone()
            assert row is not None
            return int(row[0])
        return -1

    def go_home(self) -> None:
        (self.plan.folder / "go-home").touch()
        for pid in self.children.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + 15
        for pid in self.children.values():
            while time.monotonic() < until and os.waitpid(pid, os.WNOHANG)[0] == 0:
                time.sleep(0.05)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.children.clear()

    def put_out(self) -> None:
        """PostgreSQL's folder is thrown away: nothing has to be written any more."""
        with contextlib.suppress(OSError):
            pid = self.postmaster()
            for one in [pid, *children_of(pid)]:
                slay(one)

    def judge(self) -> dict[str, object]:
        from tests.chaos import verdict

        report = self.plan.folder / "report.json"
        self.whole("verdict", lambda: verdict.main(self.plan.folder, report))
        found: dict[str, object] = json.loads(report.read_text())
        return found

    def glance(self) -> list[str]:
        """Look in the middle of it all whether what must always hold does."""
        from tests.chaos import verdict

        while self.open_things() < 0:
            self.idle(0.3)
        report = self.plan.folder / "glance.json"
        self.whole("glance", lambda: report.write_text(json.dumps(verdict.consistent())))
        found: list[str] = json.loads(report.read_text())
        return found


# ---- what children do ----------------------------------------------------------------------------


def migrate() -> None:
    from kaitong.core.migrating import migrate as bring

    bring(skip_checks=True)


def kaitong(*arguments: str) -> int:
    from kaitong.cli.__main__ import main

    return main(arguments)


def receiver(folder: Path, port: int, seed: int) -> None:
    from tests.chaos import receiver as outside

    outside.main(folder, port, seed)


def person(name: str, folder: Path, seed: str, starts: int, lines: int) -> None:
    from tests.chaos.people import Person

    wait_for_database()
    Person(name, folder, seed, starts, lines).work()


def clerk(name: str, folder: Path, seed: str, port: int, lines: int) -> None:
    from tests.chaos.clerk import Clerk

    Clerk(name, folder, seed, port, lines).work()


def wait_for_database() -> None:
    while True:
        try:
            psycopg.connect(os.environ["KAITONG_DATABASE_URL"], connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.3)


# ---- helpers -------------------------------------------------------------------------------------


def say(text: str) -> None:
    print(f"· {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def slay(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def children_of(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def copy_schema(source: str, target: str) -> None:
    """The migrated schema of a template database; nothing happens when it cannot be copied."""
    program = binaries() / "pg_dump"
    dump = str(program) if program.exists() else shutil.which("pg_dump")
    load = binaries() / "psql"
    loader = str(load) if load.exists() else shutil.which("psql")
    if dump is None or loader is None:
        return
    taken = subprocess.run(
        [dump, "--no-owner", "--no-privileges", "--dbname", source], capture_output=True
    )
    if taken.returncode == 0:
        subprocess.run(
            [loader, "--quiet", "--no-psqlrc", "--single-transaction",
             "--set", "ON_ERROR_STOP=1", "--dbname", target],
            input=taken.stdout, capture_output=True,
        )  # fmt: skip


def run(plan: Plan) -> dict[str, object]:
    plan.folder.mkdir(parents=True, exist_ok=True)
    (plan.folder / "home").mkdir(exist_ok=True)
    began = time.monotonic()
    house = Harness(plan)
    try:
        house.prepare()
        house.begin()
        say(f"KAITONG_CHAOS_SEED={plan.seed}: begun after {time.monotonic() - began:.0f} s")
        half, plan.kills = plan.kills, plan.kills // 2
        house.rage()
        problems = [f"in the middle: {problem}" for problem in house.glance()]
        plan.kills = half
        house.rage()
        say("at rest" if house.settle() else "it does not come to rest")
        house.go_home()
        report = house.judge()
    finally:
        with contextlib.suppress(Exception):
            house.go_home()
        house.put_out()
    many = {name: n for name, n in house.died.items() if n > 10 + 4 * plan.kills}
    problems += [f"{name}: ended {n} times by itself; see its log" for name, n in many.items()]
    return {
        **report,
        "problems": [*problems, *report["problems"]],  # type: ignore[misc]
        "seed": plan.seed,
        "kills": dict(house.killed),
        "ended by themselves": dict(house.died),
        "seconds": round(time.monotonic() - began),
    }


def main() -> int:
    asked = argparse.ArgumentParser()
    asked.add_argument("--kills", type=int, default=10)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--folder", type=Path, required=True)
    asked.add_argument("--starts", type=int, default=40)
    asked.add_argument("--lines", type=int, default=8)
    asked.add_argument("--pause", type=float, nargs=2, default=(0.8, 2.5))
    asked.add_argument("--seconds", type=float, default=900)
    asked.add_argument("--rest", type=float, default=120)
    asked.add_argument("--template", default="")
    asked.add_argument("--mutate", default="")
    report = run(Plan(**vars(asked.parse_args())))
    print(json.dumps(report, ensure_ascii=False))
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
