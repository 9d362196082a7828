"""Making the demo's state: schema, organisation, playbooks, plant, stock, a few orders.

Every part looks first whether it is done, so that a warm start does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from kaitong.core.clock import now
from kaitong.core.errors import KaitongError
from kaitong.core.home import library
from kaitong.demo import hall, opinions, people, plant, story
from kaitong.demo.platforms import Platforms
from kaitong.demo.seed import seed_branch
from kaitong.lab.session import AccessServer
from kaitong.org.actor import Actor
from kaitong.org.models import Branch
from kaitong.playbooks import services as playbooks
from kaitong.transfer.backup import restoring, upgrading
from kaitong.worktime import queries as worktime
from kaitong.worktime import services as worktime_verbs

Step = Callable[[str], AbstractContextManager[None]]


def migrate(step: Step) -> None:
    """Bring the schema to this version, an earlier one after a backup. A state folder of a newer
    version is left untouched."""
    if upgrading.quick_check() and not restoring.unfinished():
        return
    with step("preparing the database"):
        upgrading.ready(lambda text: print(f"\n  {text} ...", end="", flush=True))


def branch(step: Step, scale: str = plant.COUNTY.name) -> Branch:
    """Calendar, staff, playbooks, addresses and plant of the demo branch."""
    year = now().year
    if (
        any(y <= year for _key, y in worktime.missing_years(months_ahead=0))
        or not _calendar_there()
    ):
        with step("entering the working calendar"):
            worktime_verbs.seed_calendar(key="cn", years=range(2024, year + 1))
    people.top()
    with step("deploying playbooks"):
        for folder in sorted(library().glob("*/playbook.yaml")):
            playbooks.deploy(actor=Actor.system(), folder=folder.parent)
    county = people.seed()
    with step("laying the network of 休宁"):
        seed_branch(scale)
        seed_branch(plant.NEIGHBOUR.name, branch_code=people.NEIGHBOUR)
    return county


def _calendar_there() -> bool:
    try:
        worktime.calendar("cn")
    except KaitongError:
        return False
    return True


def orders(step: Step, modems: AccessServer | None, platforms: Platforms | None = None) -> None:
    """A few days of orders, once; without a network only a few, for their data wait. The hall's
    queue is told of every day on which the demo starts."""
    if not story.told():
        with step("telling some days of orders"):
            story.tell(modems, platforms=platforms, few=modems is None)
    # Afterwards: an order that is made while a clerk has a number in hand would be that customer's.
    with step("letting people queue in the hall"):
        hall.tell()
    with step("asking customers how content they are"):
        opinions.tell()
