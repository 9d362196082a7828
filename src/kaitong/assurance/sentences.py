"""Sentences that assurance stores: templates for `core.wording`, which reads them in English.

The code that makes them words them directly; a test holds both together.
"""

from django.utils.translation import gettext_noop

SENTENCES = (
    gettext_noop("这条线路的订单已撤销，没有开通。"),
    gettext_noop("业务已拆机，不是故障。"),
    gettext_noop("业务已停机，不是故障：请按停机原因办理复机。"),
    gettext_noop("业务还没有开通，不是故障：请查订单进度。"),
    gettext_noop("等待群障修复"),
    gettext_noop("客户反映没有修好"),
    gettext_noop("并入更大的群障"),
    gettext_noop("动作没有得到故障单。"),
    gettext_noop("动作没有得到群障。"),
    gettext_noop("群障：%(what)s"),
    gettext_noop("故障已结束或另出新单"),
)
