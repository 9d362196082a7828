"""Sentences that actions of orders store: templates for `core.wording`, to be read in English.

What an action stores is Chinese whoever's step it is; a test holds code and templates together.
"""

from django.utils.translation import gettext_noop

SENTENCES = (
    gettext_noop("不具备开通条件"),
    gettext_noop("没有这个订单项。"),
    gettext_noop("数据已制作，等待开通验证。"),
    gettext_noop("退单：%(reason)s"),
    gettext_noop("撤单：%(reason)s"),
    gettext_noop("退费要由第二人复核。"),
    gettext_noop("请由班长复核。"),
    gettext_noop("草稿重新配线"),
    gettext_noop("放弃草稿"),
    gettext_noop("不予受理"),
    gettext_noop("预占到时"),
    gettext_noop("变更没有办成"),
    gettext_noop("没有新密码。"),
    gettext_noop("请重新受理。"),
    gettext_noop("原账号已被别的业务使用，不能恢复：请重新下发新账号，或办结后另办改账号。"),
    gettext_noop("没有留存办理之前的样子，不能撤回。"),
    gettext_noop("请重新下发；要改回去的另办一次变更。"),
    gettext_noop("到日不能办：%(why)s"),
    # titles and notes of charges that no playbook names
    gettext_noop("违约金"),
    gettext_noop("提前变更违约金"),
    gettext_noop("营销案违约金"),
    gettext_noop("移机费"),
    gettext_noop("上门费"),
    gettext_noop("合约剩余 %(n)s 个月"),
    gettext_noop("营销案剩余 %(n)s 个月"),
)
