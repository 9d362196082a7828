"""What each figure means (口径), in words for its reader and in columns for its query.

QA-02 acceptance and opening, QA-03 change and cancellation, QA-06 speed of answer; the list of the
trade's assessment (考核) is practice.md's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kaitong.reporting.choices import Clock

Words = str | Promise


class Unit(StrEnum):
    COUNT = "count"
    SHARE = "share"  # of 0 to 1
    TIME = "time"  # seconds
    MEAN = "mean"  # a score of 1 to 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """`part` of `whole` are columns of the summary; a time is a percentile of a clock or a mean.

    The latter has a `part` and a `whole` but no clock.

    `high` says that more is better, `low` the contrary; a figure that is neither has no target.
    """

    key: str
    title: Words
    words: Words
    unit: Unit
    part: str = ""
    whole: tuple[str, ...] = ()
    clock: str = ""
    share: float = 0.5
    better: str = ""
    about: str = "QA-02"


_ENDED = ("completed", "failed", "withdrawn")

DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        key="received",
        title=_("受理量"),
        words=_("受理日在期内的订单，含不予受理的。"),
        unit=Unit.COUNT,
        part="received",
    ),
    Definition(
        key="completed",
        title=_("竣工量"),
        words=_("竣工日在期内的订单；部分竣工的也算。融合套餐一张订单算一笔，记在主套餐上。"),
        unit=Unit.COUNT,
        part="completed",
    ),
    Definition(
        key="time_median",
        title=_("开通历时（中位）"),
        words=_("期内竣工的订单，从受理到竣工的全程历时，一半比它短。夜间和节假日都计入。"),
        unit=Unit.TIME,
        clock=Clock.GROSS,
        better="low",
    ),
    Definition(
        key="time_p90",
        title=_("开通历时（九成）"),
        words=_("期内竣工的订单，九成的全程历时不超过它。"),
        unit=Unit.TIME,
        clock=Clock.GROSS,
        share=0.9,
        better="low",
    ),
    Definition(
        key="net_median",
        title=_("净历时（中位）"),
        words=_("全程历时扣除客户原因挂起的时间，一半比它短。等待资源不扣。"),
        unit=Unit.TIME,
        clock=Clock.NET,
        better="low",
    ),
    Definition(
        key="on_time",
        title=_("按时率"),
        words=_("期内竣工的订单中，竣工不晚于客户时限的。客户改约以新约定的时间为准。"),
        unit=Unit.SHARE,
        part="on_time",
        whole=("timed",),
        better="high",
    ),
    Definition(
        key="contact_median",
        title=_("首次联系用时（中位）"),
        words=_("从受理到首次联系环节办结，一半比它短。"),
        unit=Unit.TIME,
        clock=Clock.CONTACT,
        better="low",
        about="QA-06",
    ),
    Definition(
        key="contact_on_time",
        title=_("首次联系及时率"),
        words=_("首次联系环节在其环节时限内办结的，占期内结束且联系过客户的订单。"),
        unit=Unit.SHARE,
        part="contact_on_time",
        whole=("contact_timed",),
        better="high",
        about="QA-06",
    ),
    Definition(
        key="kept",
        title=_("履约率"),
        words=_(
            "有预约且上过门的竣工订单中，没有错过任何一次预约、到场不晚于最后约定时段结束的。"
            "到场以首次现网核验为准，没有核验的以回单为准。"
        ),
        unit=Unit.SHARE,
        part="kept",
        whole=("appointed",),
        better="high",
    ),
    Definition(
        key="one_visit",
        title=_("一次上门率"),
        words=_("上过门的竣工订单中只上门一次的；到了客户处又挂起的也算一次上门。"),
        unit=Unit.SHARE,
        part="one_visit",
        whole=("visited",),
        better="high",
    ),
    Definition(
        key="right_first",
        title=_("一次成功率"),
        words=_("竣工订单中没有退回、没有返工和验证异常、没有换过端口的。"),
        unit=Unit.SHARE,
        part="right_first",
        whole=("judged",),
        better="high",
    ),
    Definition(
        key="suspended",
        title=_("挂起率"),
        words=_("期内结束的订单中挂起过的（缓装、待装都算，更正作废的不算）。"),
        unit=Unit.SHARE,
        part="suspended",
        whole=_ENDED,
        better="low",
    ),
    Definition(
        key="delayed",
        title=_("延期率"),
        words=_("期内结束的订单中，客户时限比当初答应的推后了的。"),
        unit=Unit.SHARE,
        part="delayed",
        whole=_ENDED,
        better="low",
    ),
    Definition(
        key="sent_back",
        title=_("退回率"),
        words=_("期内结束的订单中，有环节被退回重做的。"),
        unit=Unit.SHARE,
        part="sent_back",
        whole=_ENDED,
        better="low",
    ),
    Definition(
        key="failed",
        title=_("退单率"),
        words=_("期内结束的订单中，因不能开通而退单的；不予受理的不在其中。"),
        unit=Unit.SHARE,
        part="failed",
        whole=_ENDED,
        better="low",
    ),
    Definition(
        key="withdrawn",
        title=_("撤单率"),
        words=_("期内结束的订单中，客户撤回的。"),
        unit=Unit.SHARE,
        part="withdrawn",
        whole=_ENDED,
        better="low",
        about="QA-03",
    ),
    Definition(
        key="rejected",
        title=_("不予受理率"),
        words=_("受理日在期内的订单中，当场不予受理的。"),
        unit=Unit.SHARE,
        part="rejected",
        whole=("received",),
        better="low",
    ),
)
_OVER = ("resolved", "withdrawn", "rejected")

# Of tickets (故障, 投诉): the same for both kinds.
TICKETS: tuple[Definition, ...] = (
    Definition(
        key="ticket_received",
        title=_("受理"),
        words=_("受理日在期内的故障（投诉）。"),
        unit=Unit.COUNT,
        part="received",
        about="QA-04",
    ),
    Definition(
        key="ticket_resolved",
        title=_("修复（办结）"),
        words=_("期内修复的故障、办结的投诉；客户说没有好而重开的，重新修复时才算。"),
        unit=Unit.COUNT,
        part="resolved",
        about="QA-04",
    ),
    Definition(
        key="ticket_median",
        title=_("历时（中位）"),
        words=_("从受理到修复（办结）的全程历时，一半比它短。回访不计在内。"),
        unit=Unit.TIME,
        clock=Clock.REPAIR,
        better="low",
        about="QA-04",
    ),
    Definition(
        key="ticket_p90",
        title=_("历时（九成）"),
        words=_("九成的全程历时不超过它。"),
        unit=Unit.TIME,
        clock=Clock.REPAIR,
        share=0.9,
        better="low",
        about="QA-04",
    ),
    Definition(
        key="ticket_net",
        title=_("净历时（平均）"),
        words=_("扣除客户原因挂起的时间后的平均历时。"),
        unit=Unit.TIME,
        part="net",
        whole=("resolved",),
        better="low",
        about="QA-04",
    ),
    Definition(
        key="ticket_response",
        title=_("响应用时（平均）"),
        words=_("从受理到第一个环节有人接单的平均时间。"),
        unit=Unit.TIME,
        part="response",
        whole=("responded",),
        better="low",
        about="QA-06",
    ),
    Definition(
        key="ticket_on_time",
        title=_("按时率"),
        words=_("期内修复（办结）的，不晚于客户时限的占比。"),
        unit=Unit.SHARE,
        part="on_time",
        whole=("timed",),
        better="high",
        about="QA-04",
    ),
    Definition(
        key="ticket_repeats",
        title=_("重复率"),
        words=_("期内结束的，同一线路不久前报过的占比；多久以内由流程包规定。"),
        unit=Unit.SHARE,
        part="repeats",
        whole=_OVER,
        better="low",
        about="QA-04",
    ),
    Definition(
        key="ticket_reopened",
        title=_("重开率"),
        words=_("期内结束的，客户说没有好而重开过的占比。"),
        unit=Unit.SHARE,
        part="reopened",
        whole=_OVER,
        better="low",
        about="QA-04",
    ),
    Definition(
        key="ticket_urged",
        title=_("催单率"),
        words=_("期内结束的，客户催过的占比。"),
        unit=Unit.SHARE,
        part="urged",
        whole=_OVER,
        better="low",
        about="QA-04",
    ),
    Definition(
        key="ticket_common",
        title=_("群障占比"),
        words=_("期内结束的，归到群障一起修复的占比。"),
        unit=Unit.SHARE,
        part="common",
        whole=_OVER,
        about="QA-04",
    ),
)
# Of what customers said (满意度).
SURVEYS: tuple[Definition, ...] = (
    Definition(
        key="survey_content",
        title=_("满意率"),
        words=_("期内打过分的客户中，打 4 分和 5 分的占比。"),
        unit=Unit.SHARE,
        part="content",
        whole=("scored",),
        better="high",
        about="QA-07",
    ),
    Definition(
        key="survey_fixed",
        title=_("回访确认修复率"),
        words=_("期内问到是否恢复的客户中，说已经恢复的占比。"),
        unit=Unit.SHARE,
        part="fixed",
        whole=("asked_fixed",),
        better="high",
        about="QA-07",
    ),
    Definition(
        key="survey_reached",
        title=_("回访成功率"),
        words=_("期内的回访中，联系到客户的占比。"),
        unit=Unit.SHARE,
        part="reached",
        whole=("n",),
        better="high",
        about="QA-07",
    ),
)
# Of what customers think (评价), by the day on which they were asked.
OPINIONS: tuple[Definition, ...] = (
    Definition(
        key="opinion_asked",
        title=_("询问人次"),
        words=_("期内请客户评价的次数：短信链接、评价器、电话回访，含故障和投诉的回访。"),
        unit=Unit.COUNT,
        part="n",
        about="QA-07",
    ),
    Definition(
        key="opinion_reached",
        title=_("联系到率"),
        words=_("期内询问的，客户答复了或电话里联系到的占比。"),
        unit=Unit.SHARE,
        part="reached",
        whole=("n",),
        better="high",
        about="QA-07",
    ),
    Definition(
        key="opinion_answered",
        title=_("答复率"),
        words=_("期内询问的，客户打了分的占比。"),
        unit=Unit.SHARE,
        part="answered",
        whole=("n",),
        better="high",
        about="QA-07",
    ),
    Definition(
        key="opinion_score",
        title=_("平均分"),
        words=_("期内打分的平均，满分 5 分。"),
        unit=Unit.MEAN,
        part="score",
        whole=("answered",),
        about="QA-07",
    ),
    Definition(
        key="opinion_content",
        title=_("评价满意率"),
        words=_("期内打分的，4 分和 5 分的占比。"),
        unit=Unit.SHARE,
        part="content",
        whole=("answered",),
        better="high",
        about="QA-07",
    ),
    Definition(
        key="opinion_unhappy",
        title=_("评价不满意率"),
        words=_("期内打分的，1 分和 2 分的占比。"),
        unit=Unit.SHARE,
        part="unhappy",
        whole=("answered",),
        better="low",
        about="QA-07",
    ),
)
# Of visits to the hall (到厅), by the day of the number.
VISITS: tuple[Definition, ...] = (
    Definition(
        key="hall_taken",
        title=_("取号量"),
        words=_("期内取的排队号；过号、收号的也算。"),
        unit=Unit.COUNT,
        part="n",
        about="QA-06",
    ),
    Definition(
        key="hall_served",
        title=_("办结量"),
        words=_("期内取的、在窗口办结的排队号；转窗口的算一个。"),
        unit=Unit.COUNT,
        part="served",
        about="QA-06",
    ),
    Definition(
        key="hall_wait_median",
        title=_("等候用时（中位）"),
        words=_("从取号到第一次开始办理，一半比它短；没有办到的不计。"),
        unit=Unit.TIME,
        clock=Clock.WAIT,
        better="low",
        about="QA-06",
    ),
    Definition(
        key="hall_wait_p90",
        title=_("等候用时（九成）"),
        words=_("九成的等候用时不超过它。"),
        unit=Unit.TIME,
        clock=Clock.WAIT,
        share=0.9,
        better="low",
        about="QA-06",
    ),
    Definition(
        key="hall_wait_on_time",
        title=_("等候及时率"),
        words=_("办到的排队号中，等候不超过该业务规定时限的；时限由流程包规定。"),
        unit=Unit.SHARE,
        part="on_time",
        whole=("timed",),
        better="high",
        about="QA-06",
    ),
    Definition(
        key="hall_serve_median",
        title=_("办理用时（中位）"),
        words=_("从开始办理到办结，转窗口的相加，一半比它短；由系统收尾的不计。"),
        unit=Unit.TIME,
        clock=Clock.SERVE,
        better="low",
        about="QA-06",
    ),
    Definition(
        key="hall_missed",
        title=_("过号率"),
        words=_("期内结束的排队号中，叫了没有人来的；恢复排队后办到的不算。"),
        unit=Unit.SHARE,
        part="missed",
        whole=("served", "missed", "closed"),
        better="low",
        about="QA-06",
    ),
    Definition(
        key="hall_closed",
        title=_("未办收号率"),
        words=_("期内结束的排队号中，到收厅还没有叫到的。"),
        unit=Unit.SHARE,
        part="closed",
        whole=("served", "missed", "closed"),
        better="low",
        about="QA-06",
    ),
)
BY_KEY = {one.key: one for one in DEFINITIONS}
