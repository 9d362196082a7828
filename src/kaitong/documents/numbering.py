"""Numbers of orders and papers by a pattern (编号规则): pure reading, checking and filling."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from kaitong.documents.choices import Restart
from kaitong.documents.errors import NumberingError

ZONE = ZoneInfo("Asia/Shanghai")
FIELD = re.compile(r"\{([^{}]*)\}")
OTHERS = re.compile(r"branch|seq(:\d)?")
DATES: Mapping[str, str] = {
    "yyyymmdd": "%Y%m%d",
    "yymmdd": "%y%m%d",
    "yyyy": "%Y",
    "yy": "%y",
    "mm": "%m",
    "dd": "%d",
}
SHOWS = {  # what of a date each field shows
    "yyyymmdd": "ymd",
    "yymmdd": "ymd",
    "yyyy": "y",
    "yy": "y",
    "mm": "m",
    "dd": "d",
}
NEEDED = {Restart.DAILY: "ymd", Restart.MONTHLY: "ym", Restart.YEARLY: "y", Restart.NEVER: ""}
PERIOD = {
    Restart.DAILY: "%Y%m%d",
    Restart.MONTHLY: "%Y%m",
    Restart.YEARLY: "%Y",
    Restart.NEVER: "",
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A checked pattern such as ``{branch}-{yymmdd}-{seq:4}``. A sequence longer than its width
    grows; numbers of branches are apart only when the pattern shows the branch."""

    text: str
    restart: Restart

    @property
    def by_branch(self) -> bool:
        return "{branch}" in self.text

    def period(self, at: datetime) -> str:
        """Key of the counter's current run, in local time."""
        return at.astimezone(ZONE).strftime(PERIOD[self.restart])

    def fill(self, *, branch_code: str, at: datetime, value: int) -> str:
        local = at.astimezone(ZONE)

        def replace(found: re.Match[str]) -> str:
            name = found[1]
            if name == "branch":
                return branch_code
            if name.startswith("seq"):
                width = int(name.partition(":")[2] or 1)
                return str(value).zfill(width)
            return local.strftime(DATES[name])

        return FIELD.sub(replace, self.text)


def parse_pattern(text: str, restart: str = Restart.DAILY) -> Pattern:
    """Check a pattern so that it can never give one number twice.

    Raises ``NumberingError``: unknown fields, no sequence, or a restart whose period the number
    does not show.
    """
    try:
        when = Restart(restart)
    except ValueError:
        raise NumberingError(
            f"{restart!r} is no restart of a number.", f"Use one of: {', '.join(Restart.values)}."
        ) from None
    fields = FIELD.findall(text)
    wrong = [f for f in fields if f not in DATES and not OTHERS.fullmatch(f)]
    if wrong or FIELD.sub("", text).strip("{}") != FIELD.sub("", text):
        shown = f"{{{wrong[0]}}}" if wrong else text
        raise NumberingError(
            f"{shown!r} is no field of a number.",
            f"Use {{branch}}, {{seq:4}} and {', '.join('{' + d + '}' for d in DATES)}.",
        )
    if sum(f.startswith("seq") for f in fields) != 1:
        raise NumberingError(
            f"The pattern {text!r} needs exactly one sequence.", "Add {seq:4}, once."
        )
    shown_parts = set("".join(SHOWS.get(f, "") for f in fields))
    missing = set(NEEDED[when]) - shown_parts
    if missing:
        raise NumberingError(
            f"The pattern {text!r} restarts {when.value} but does not show when.",
            "Show year, month and day as far as the restart needs, or restart less often.",
        )
    return Pattern(text, when)
