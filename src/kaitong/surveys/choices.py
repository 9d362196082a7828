"""Words of surveys (满意度调查, HALL-11)."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Source(TextChoices):
    """What a customer is asked about: of these figures are told apart."""

    ORDER = "order", _("业务办理")  # an order was completed: opening, move, change
    VISIT = "visit", _("上门服务")  # somebody was at the customer's
    FAULT = "fault", _("故障处理")
    COMPLAINT = "complaint", _("投诉处理")
    HALL = "hall", _("营业厅服务")


class Way(TextChoices):
    """How a customer is asked."""

    DEVICE = "device", _("评价器")  # at the hall's own tablet, right after service
    LINK = "link", _("短信链接")  # answered once, on a page without sign-in
    CALL = "call", _("电话回访")  # the quality desk calls


class State(TextChoices):
    """What became of asking somebody."""

    OPEN = "open", _("待答复")
    ANSWERED = "answered", _("已答复")
    EXPIRED = "expired", _("逾期未答")
    UNREACHED = "unreached", _("没有联系到")  # called as often as the playbook wants
    REFUSED = "refused", _("不愿回答")  # was reached, and does not want to be asked


class Outcome(TextChoices):
    """What a call after a bad score came to (不满意回访)."""

    EXPLAINED = "explained", _("已解释")
    SOLVED = "solved", _("已解决")
    TICKET = "ticket", _("转投诉处理")
    UNREACHED = "unreached", _("没有联系到")


# Each of these happens to something of ours; the playbook says of which of them customers are
# asked. `order-completed` -> what it is about.
MOMENTS = {
    "order-completed": Source.ORDER,
    "visit-done": Source.VISIT,
    "fault-closed": Source.FAULT,
    "complaint-closed": Source.COMPLAINT,
    "hall-served": Source.HALL,
}
SCORES = (
    (5, _("很满意")),
    (4, _("满意")),
    (3, pgettext_lazy("满意度", "一般")),
    (2, _("不满意")),
    (1, _("很不满意")),
)
