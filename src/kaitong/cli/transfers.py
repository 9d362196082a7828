"""Commands that bring data in and out. Django is set up when this module is imported."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault
from kaitong.ordering.choices import OrderState
from kaitong.ordering.requests import OrderFilter
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.transfer import leftovers, tables
from kaitong.transfer.importing import Outcome, may_import
from kaitong.transfer.importing import bring_in as run
from kaitong.transfer.kinds import layout as layout_of
from kaitong.transfer.templates import template
from kaitong.transfer.watch import on_screen
from kaitong.web import exports

SHOWN = 20


def who(asked: argparse.Namespace, *, shared: bool = False) -> tuple[Actor, UUID | None]:
    """Who acts and for which branch: --as USER in their branch, or --branch CODE, or both."""
    if asked.user:
        actor = org.actor_of(asked.user)
        branch = org.branch_by_code(asked.branch).pk if asked.branch else actor.branch_id
        return actor, branch
    if asked.branch:
        branch = org.branch_by_code(asked.branch).pk
        return Actor.system(branch_id=branch), branch
    if shared:
        return Actor.system(), None
    remedy = _("写 --as 用户名，或 --branch 分公司代码。")
    raise BadInput([InputFault("--as", _("没有说为哪个分公司。"), remedy)])


def bring_in(asked: argparse.Namespace) -> int:
    """`import KIND FILE`: 0 when all is right or bad rows were skipped as asked, else 1."""
    layout = layout_of(asked.what)
    if asked.template:
        path = writable(asked.template)
        leftovers.write_whole(path, template(layout))
        print(_("模板：%(path)s") % {"path": path})
        if not asked.file:
            return 0
    if not asked.file:
        raise BadInput([InputFault("FILE", _("缺文件名。"), _("写 CSV 或 XLSX 文件。"))])
    actor, branch_id = who(asked, shared=layout.shared)
    may_import(actor, layout, branch_id)
    source = Path(asked.file)
    faults_file = writable(asked.faults or source.with_name(f"{source.stem}-faults.csv"))
    table = tables.load(source, asked.sheet)
    refused = source.with_name(f"{source.stem}-refused{table.suffix}")
    refused_file = writable(asked.refused or refused)
    with on_screen() as watch:
        outcome = run(
            actor=actor,
            branch_id=branch_id,
            layout=layout,
            table=table,
            name=source.name,
            skip_bad=asked.skip_bad,
            dry_run=asked.dry_run,
            watch=watch,
        )
    if outcome.faults:
        leftovers.write_whole(faults_file, leftovers.faults_csv(outcome.faults))
    skipped = outcome.written and bool(outcome.refused)
    if skipped:
        leftovers.write_whole(refused_file, leftovers.refused_rows(table, outcome))
    files = {
        "faults": str(faults_file) if outcome.faults else "",
        "refused": str(refused_file) if skipped else "",
    }
    if asked.json:
        print(json.dumps(as_facts(outcome) | files, ensure_ascii=False, indent=2))
    else:
        tell(outcome, files, dry_run=asked.dry_run)
    return 0 if not outcome.faults or outcome.written else 1


def writable(name: str | Path) -> Path:
    """A path whose folder is there."""
    path = Path(name)
    if not path.parent.is_dir():
        raise BadInput([InputFault(str(path), _("没有这个文件夹。"), _("先建文件夹。"))])
    return path


def as_facts(outcome: Outcome) -> dict[str, object]:
    return {
        "rows": outcome.rows,
        "added": outcome.added,
        "changed": outcome.changed,
        "same": outcome.same,
        "refused": len(outcome.refused),
        "written": outcome.written,
    }


def tell(outcome: Outcome, files: dict[str, str], *, dry_run: bool) -> None:
    for fault in outcome.faults[:SHOWN]:
        print(fault)
    if len(outcome.faults) > SHOWN:
        print(_("… 共 %(count)s 处错误。") % {"count": len(outcome.faults)})
    if files["faults"]:
        print(_("全部错误：%(path)s") % {"path": files["faults"]})
    if outcome.written or (dry_run and not outcome.heading_wrong):
        print(summary(outcome, dry_run=dry_run))
    if files["refused"]:
        count = {"count": len(outcome.refused), "path": files["refused"]}
        print(_("退回 %(count)s 行，改正后可再导入：%(path)s") % count)
    elif outcome.heading_wrong:
        print(_("什么也没有写入。先改正表头。"))
    elif outcome.faults and not outcome.written:
        print(_("什么也没有写入。改正后再导入，或用 --skip-bad 先导入其余的行。"))


def summary(outcome: Outcome, *, dry_run: bool = False) -> str:
    """What an import did, in one sentence."""
    if outcome.examples and not outcome.rows:
        return str(_("只有示例行，没有可导入的。"))
    if outcome.written and not outcome.added and not outcome.changed:
        return str(_("没有变化：%(same)s 项都已是这样。") % {"same": f"{outcome.same:,}"})
    counts = {
        "added": f"{outcome.added:,}",
        "changed": f"{outcome.changed:,}",
        "same": f"{outcome.same:,}",
    }
    if dry_run:
        return str(_("试导入：将新增 %(added)s，修改 %(changed)s，不变 %(same)s。") % counts)
    return str(_("已导入：新增 %(added)s，修改 %(changed)s，不变 %(same)s。") % counts)


# ---- export --------------------------------------------------------------------------------------


def export_orders(asked: argparse.Namespace) -> None:
    """Orders as a workbook, by the conditions given."""
    actor = org.actor_of(asked.user) if asked.user else Actor.system()
    filters: list[OrderFilter] = []
    if asked.branch:
        branch = org.branch_by_code(asked.branch)
        org.require_visible(_Located(branch.pk), actor)
        filters.append(OrderFilter(field="branch_id", op="eq", value=branch.pk))
    if asked.state:
        if asked.state not in OrderState.values:
            known = ", ".join(OrderState.values)
            raise BadInput([InputFault("--state", _("没有这个状态。"), known)])
        filters.append(OrderFilter(field="state", op="eq", value=asked.state))
    if asked.since:
        since = _midnight("--from", asked.since)
        filters.append(OrderFilter(field="ordered_at", op="gte", value=since))
    if asked.until:  # the day named is the last one
        until = _midnight("--to", asked.until) + timedelta(days=1)
        filters.append(OrderFilter(field="ordered_at", op="lt", value=until))
    path = writable(asked.file)
    with on_screen() as watch, replaced(path) as draft:
        count = exports.orders_book(actor, filters, draft, reveal=asked.reveal, watch=watch)
    print(_("已导出 %(count)s 行：%(path)s") % {"count": f"{count:,}", "path": path})


def export_work(asked: argparse.Namespace) -> None:
    """Work items as a workbook: a tab of the workbench of --as USER, or all open work."""
    actor = org.actor_of(asked.user) if asked.user else Actor.system()
    path = writable(asked.file)
    with on_screen() as watch, replaced(path) as draft:
        count = exports.work_book(
            actor,
            draft,
            tab=asked.tab,
            post=asked.post or None,
            due="late" if asked.overdue else "",
            everyone=asked.team,
            reveal=asked.reveal,
            watch=watch,
        )
    print(_("已导出 %(count)s 行：%(path)s") % {"count": f"{count:,}", "path": path})


@dataclass(frozen=True, slots=True)
class _Located:
    branch_id: UUID


def _midnight(where: str, text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        fault = InputFault(where, _("%(text)s 不是日期。") % {"text": text}, "2027-03-31")
        raise BadInput([fault]) from None
    return timezone.make_aware(datetime.combine(day, time.min))


@contextmanager
def replaced(path: Path) -> Iterator[str]:
    """A file to write that takes the path's place when all is well, and vanishes otherwise."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        yield str(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
