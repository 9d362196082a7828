"""Where answers of work forms go that belong to tickets (`writes:`)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from kaitong.assurance.handling import reason_title
from kaitong.assurance.models import Fault
from kaitong.assurance.states import locked
from kaitong.core.errors import BadInput, InputFault
from kaitong.process.services import StepContext

CAUSE, SURVEY_REASON, SURVEY_REMARK = "fault.cause", "survey.reason", "survey.remark"


def _fault(step: StepContext) -> Fault:
    assert step.business_id is not None
    return locked(step.business_id)


def cause(step: StepContext, value: str) -> None:
    """故障原因 of two levels, as the playbook lists them."""
    fault = _fault(step)
    title = reason_title(fault.handling.content["causes"], value)
    if title is None:
        raise BadInput([InputFault(CAUSE, _("没有这个故障原因。"), _("请从列出的里选。"))])
    fault.cause_code, fault.cause_title = value, title
    fault.save(update_fields=["cause_code", "cause_title"])


def survey_reason(step: StepContext, value: str) -> None:
    """Why the customer is not content, of two levels: kept until the call is recorded."""
    fault = _fault(step)
    title = reason_title(fault.handling.content["survey-reasons"], value)
    if title is None:
        raise BadInput([InputFault(SURVEY_REASON, _("没有这个原因。"), _("请从列出的里选。"))])
    _keep(fault, reason_code=value, reason_title=title)


def survey_remark(step: StepContext, value: str) -> None:
    """The customer's own words."""
    _keep(_fault(step), remark=value.strip()[:300])


def _keep(fault: Fault, **said: Any) -> None:
    fault.ext = {**fault.ext, "survey": {**fault.ext.get("survey", {}), **said}}
    fault.save(update_fields=["ext"])


WRITES = {CAUSE: cause, SURVEY_REASON: survey_reason, SURVEY_REMARK: survey_remark}
