"""Who may open which page: every address whose page is not for everybody who works in the branch.

The verbs refuse acts by themselves; this says who has a reason to *read*. A person without one
hears 403 before anything is looked up, whatever the method, and the menu leads nobody there. Posts
come from where the acts ask for them, and from the playbook (`faults: takers, desk`). Another
branch's things are *not found*, which is the queries' business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kaitong.activation.reconciling import may_repair
from kaitong.assurance import queries as assurance
from kaitong.inventory.by_hand import may_read as reads_plant
from kaitong.ordering.drafts import CLERK
from kaitong.ordering.plans import may_withdraw
from kaitong.ordering.refunds import may_call, may_refund
from kaitong.org.actor import Actor
from kaitong.surveys.rules import at_desk as calls_customers

IMPORTING = frozenset({"resource", "supervisor"})
PLANNING = frozenset({"clerk", "resource", "supervisor"})

Rule = Callable[[Actor], bool]


def takes_faults(actor: Actor) -> bool:
    """Whether the playbook lets one of the actor's posts take in faults."""
    return _named(actor, "takers")


def at_desk(actor: Actor) -> bool:
    """Whether the actor sits at the fault desk (交接班)."""
    return _named(actor, "desk")


def reads_customers(actor: Actor) -> bool:
    """客户统一视图: who does business with customers (BB-18), and who takes in their faults."""
    return may_withdraw(actor) or takes_faults(actor)


def plans(actor: Actor) -> bool:
    """待装需求: who tells customers of ports, and who builds them (BB-17)."""
    return bool(PLANNING & actor.posts)


def imports(actor: Actor) -> bool:
    return bool(IMPORTING & actor.posts)


def at_counter(actor: Actor) -> bool:
    return actor.has_post(CLERK)


def leads(actor: Actor) -> bool:
    return actor.is_supervisor


def _named(actor: Actor, part: str) -> bool:
    return any(
        actor.is_supervisor or set(rules.content.get(part, ())) & actor.posts
        for rules in assurance.current()
    )


def _each(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


# By the name of the address. The figures and the hall's queue are not here: they say in words why
# not, with 403.
RULES: Mapping[str, Rule] = {
    **_each(
        reads_customers,
        "customers customer service change change_addresses change_prove change_photo"
        " change_numbers change_number",
    ),
    **_each(
        may_withdraw,
        "money money_customer money_pay money_back money_invoice money_invoice_retry money_waiting"
        " closing closing_confirm closing_reopen closing_sheet",
    ),
    # a telephone's new password after a transfer; on site (`phone_passwords`) it is for whoever has
    # the work in hand, whatever the post, which the verb says
    **_each(may_withdraw, "order_passwords withdraw"),
    **_each(may_call, "refunds refund_call"),
    **_each(may_refund, "refund refund_prove refund_settle"),
    **_each(
        at_counter,
        "intake intake_draft intake_addresses intake_keep intake_choose intake_photo intake_rename"
        " intake_drop intake_submit intake_numbers intake_number",
    ),
    **_each(plans, "demands demands_export demand_begin demand_withdraw"),
    **_each(imports, "transfer_template"),
    **_each(may_repair, "reconciliation difference difference_resend difference_remove"),
    **_each(may_repair, "elements element element_live element_carry element_stop"),
    **_each(reads_plant, "plant plant_node plant_state stock stock_act stock_counted"),
    **_each(takes_faults, "fault_new fault_route"),
    **_each(at_desk, "hand_overs hand_over hand_over_take hand_over_withdraw"),
    **_each(calls_customers, "surveys survey_take survey_record"),
    **_each(leads, "devices device_add device_code device_revoke"),
}
# All that a device opens (org.devices): numbers, forms, the board, and how they look.
DEVICE = frozenset(
    (
        *("home", "hall_take", "hall_ticket", "hall_forms", "hall_form", "hall_form_sheet"),
        *("hall_blank", "hall_board", "device_pair", "theme"),
        *("hall_rate", "hall_rate_one"),
    )
)


# All that is open to who works in the branch and holds no post there, nor stands in for one.
POSTLESS = frozenset({"home", "workbench", "view_counts", "presence", "theme"})


def may_open(actor: Actor, name: str) -> bool:
    """Whether the address of this name is for this person at all."""
    if actor.device:
        return name in DEVICE
    if not actor.posts and name not in POSTLESS:
        return False
    rule = RULES.get(name)
    return rule is None or rule(actor)
