"""What the names in a playbook mean: actions, places that form fields write to, fresh examples.

A name missing here is a missing building block: add the block in its package, general and typed,
then name it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.activation import actions as activation
from kaitong.activation import life as network_life
from kaitong.assurance import actions as assurance
from kaitong.assurance import answers as assurance_answers
from kaitong.assurance import notices as assurance_notices
from kaitong.assurance import services as assurance_verbs
from kaitong.core.clock import now
from kaitong.fieldwork import answers as onsite_answers
from kaitong.fieldwork import services as fieldwork
from kaitong.fieldwork.check import Look
from kaitong.fieldwork.models import Check
from kaitong.inventory import samples
from kaitong.inventory.choices import TerminalKind
from kaitong.ordering import actions as ordering
from kaitong.ordering import (
    answers,
    bundle_answers,
    case_actions,
    clock,
    day_actions,
    life_ending,
    life_flows,
    move_actions,
    notices,
    part_actions,
    plan_actions,
    standing,
    undoing,
)
from kaitong.ordering import bundle_actions as bundles
from kaitong.ordering import life_actions as life
from kaitong.ordering.life_answers import ANSWERS
from kaitong.playbooks.errors import PlaybookError
from kaitong.process.actions import Action, configure
from kaitong.process.listening import StepFact, listen, listen_to_ledger, listen_to_standstill
from kaitong.process.services import StepContext
from kaitong.surveys import actions as surveys
from kaitong.worktime import queries as worktime

ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action("ordering.check-documents", "transactional", ordering.check_documents),
        Action("ordering.assign-port", "transactional", ordering.assign_port),
        Action("ordering.make-data", "transactional", ordering.make_data),
        Action("ordering.other-account", "transactional", ordering.other_account),
        Action("ordering.refuse", "transactional", ordering.refuse),
        Action("ordering.complete", "transactional", ordering.complete),
        Action("ordering.give-back", "transactional", ordering.give_back),
        Action("ordering.refund", "transactional", ordering.refund),
        Action("ordering.suspend", "transactional", life.suspend),
        Action("ordering.resume", "transactional", life.resume),
        Action("ordering.set-password", "transactional", life.set_password),
        Action("ordering.restore-password", "transactional", life.restore_password),
        Action("ordering.transfer", "transactional", life_flows.transfer),
        Action("ordering.change-data", "transactional", life_flows.change_data),
        Action("ordering.set-account", "transactional", life_flows.set_account),
        Action("ordering.bind-number", "transactional", life_flows.bind_number),
        Action("ordering.unbind-number", "transactional", life_flows.unbind_number),
        Action("ordering.set-case", "transactional", case_actions.set_case),
        Action("ordering.cease", "transactional", life_ending.cease),
        Action("ordering.take-down", "transactional", life_ending.take_down),
        Action("ordering.reserve-move", "transactional", move_actions.reserve_move),
        Action("ordering.switch-line", "transactional", move_actions.switch_line),
        Action("ordering.finish-move", "transactional", move_actions.finish_move),
        Action("ordering.give-back-move", "transactional", move_actions.give_back_move),
        Action("ordering.schedule-plan", "transactional", plan_actions.schedule_plan),
        Action("ordering.take-turn", "transactional", plan_actions.take_turn),
        Action("ordering.recheck", "transactional", day_actions.recheck),
        Action("ordering.free-line", "transactional", day_actions.free_line),
        Action("ordering.set-plan", "transactional", plan_actions.set_plan),
        Action("ordering.suspend-arrears", "transactional", life.suspend_arrears),
        Action("ordering.finish-change", "transactional", life.finish_change),
        Action("ordering.fail-change", "transactional", life.fail_change),
        Action("ordering.restore-account", "transactional", undoing.restore_account),
        Action("ordering.restore-plan", "transactional", undoing.restore_plan),
        Action("ordering.restore-owner", "transactional", undoing.restore_owner),
        Action("ordering.restore-suspension", "transactional", undoing.restore_suspension),
        Action("ordering.reserve-parts", "transactional", bundles.reserve_parts),
        Action("ordering.renew-telephones", "transactional", part_actions.renew_telephones),
        Action("ordering.schedule-part-end", "transactional", part_actions.schedule_end),
        Action("ordering.end-part", "transactional", part_actions.end_part),
        Action("ordering.begin-part", "transactional", part_actions.begin_part),
        Action("ordering.finish-part", "transactional", part_actions.finish_part),
        Action("ordering.give-back-part", "transactional", part_actions.give_back_part),
        Action("ordering.refuse-part", "transactional", part_actions.refuse_part),
        Action("ordering.send-installer", "transactional", part_actions.send_installer),
        Action("assurance.record", "transactional", assurance.record),
        Action("assurance.hold", "transactional", assurance.hold),
        Action("assurance.alone", "transactional", assurance.go_alone),
        Action("assurance.repair-order", "transactional", assurance.issue_repair_order),
        Action("assurance.resolve", "transactional", assurance.resolve),
        Action("assurance.call-back", "transactional", assurance.called_back),
        Action("assurance.reopen", "transactional", assurance.reopen),
        Action("assurance.close", "transactional", assurance.close),
        Action("assurance.confirm-cause", "transactional", assurance.confirm_cause),
        Action("assurance.dismiss-cause", "transactional", assurance.dismiss_cause),
        Action("assurance.solve-cause", "transactional", assurance.solve_cause),
        Action("surveys.followed-up", "transactional", surveys.followed_up),
        Action("surveys.complain", "transactional", surveys.complain),
        Action("activation.apply", "external", activation.apply_service),
        Action("activation.remove", "external", activation.remove_service),
        Action("activation.prove-removed", "external", activation.prove_removed),
        Action("activation.prove-account", "external", activation.prove_account),
        Action("activation.prove-line", "external", activation.prove_line),
        Action("activation.suspend", "external", network_life.suspend),
        Action("activation.resume", "external", network_life.resume),
        Action("activation.prove-suspended", "external", network_life.prove_suspended),
        Action("activation.change-password", "external", network_life.change_password),
        Action("activation.prove-password", "external", network_life.prove_password),
        Action("activation.rename-account", "external", network_life.rename_account),
        Action("activation.prove-renamed", "external", network_life.prove_renamed),
        Action("activation.change-plan", "external", network_life.change_plan),
        Action("activation.prove-plan", "external", network_life.prove_plan),
        Action("activation.disconnect", "external", network_life.disconnect),
    )
}


def _for_the_check(step: StepContext, value: Any) -> None:
    """An answer the step's check is told before; nothing is left to be written."""


# Field of a form -> the verb that takes it, called in the completing transaction.
WRITES: dict[str, Callable[[StepContext, Any], None]] = {
    "customer.document_read": answers.document_read,
    **answers.IDENTITY_PHOTOS,
    "order.appointment_start": answers.appointment_start,
    "order.appointment_minutes": answers.appointment_minutes,
    "order.refund_decision": answers.refund_decision,
    "order.refund_decision_reason": answers.refund_decision_reason,
    "service.terminal_serial": answers.terminal_serial,
    "service.set_top_serial": bundle_answers.set_top_serial,
    "service.power_dbm": answers.power_dbm,
    "service.recovered_serial": life_ending.recovered_serial,
    "service.recovered_set_top": bundle_answers.recovered_set_top,
    answers.PORT: answers.port,
    answers.PORT_REASON: answers.port_reason,
    "port.found": onsite_answers.port_found,
    onsite_answers.OTHER_PORT: onsite_answers.other_port,
    **assurance_answers.WRITES,
    **surveys.WRITES,
    **dict.fromkeys(fieldwork.FOR_CHECK, _for_the_check),
}
# All a form may write: a step's verbs, and the answers of the counter's changes.
TARGETS = frozenset(WRITES) | frozenset(ANSWERS)
# `kaitong:check` of a task -> what looks before it may be completed, outside any transaction.
CHECKS: dict[str, Callable[[fieldwork.Asked], Check]] = {"line": fieldwork.check_line}
# What work orders print: an answer that changes it brings them up to date.
ON_WORK_ORDERS = frozenset(
    {"order.appointment_start", "order.appointment_minutes", onsite_answers.OTHER_PORT}
)


def install() -> None:
    """Tell the process runtime what actions there are, and who hears of tasks with a notice."""
    configure(ACTIONS)
    listen(_heard)
    listen_to_ledger(_ledger_changed)
    listen_to_standstill(standing.standstill_changed)


def _heard(fact: StepFact) -> None:
    """What a step is about is an order, or a ticket: whoever knows it tells."""
    notices.heard(fact)
    assurance_notices.heard(fact)


def _ledger_changed(business_id: UUID, moment: datetime) -> None:
    clock.ledger_changed(business_id, moment)
    assurance_verbs.ledger_changed(business_id, moment)


@contextmanager
def looking(look: Look) -> Iterator[None]:
    """Within the block the line check sees what `look` says: for benchmarks without a network."""
    before = CHECKS["line"]
    CHECKS["line"] = partial(fieldwork.check_line, look=look)
    try:
        yield
    finally:
        CHECKS["line"] = before


def fresh(kind: str, *, branch_id: UUID, calendar: str) -> Any:
    """What an example must make anew each time it is used (`x-example-unique`)."""
    if kind == "next-working-slot":
        days = worktime.calendar(calendar)
        local = days.local(now()) + timedelta(hours=1)
        slot = local.replace(minute=0, second=0, microsecond=0)
        for _step in range(24 * 30):
            if days.working(slot.date()) and 9 <= slot.hour <= 16:
                return slot.isoformat()
            slot += timedelta(hours=1)
        raise PlaybookError("There is no working day within a month.", "Check the calendar.")
    if kind in ("terminal-in-stock", "set-top-in-stock"):
        serial = samples.any_terminal_in_stock(
            branch_id, TerminalKind.SET_TOP if kind.startswith("set-top") else TerminalKind.ONU
        )
        if serial is None:
            raise PlaybookError(_("库里没有可用的终端。"), _("先入库终端。"))
        return serial
    if kind.startswith("photo:"):
        raise PlaybookError(
            "A photo is taken for a work item.", "Name the item and who takes it (example_for)."
        )
    raise PlaybookError(f"There is no fresh example of kind {kind!r}.", "See playbooks/wiring.py.")
