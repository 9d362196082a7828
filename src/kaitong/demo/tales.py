"""What happened to one order each: generators over business minutes ago.

A tale yields how long ago its next act was, and then does it by the verbs everybody uses. `visit`
is when the installer comes; negative times are still to come.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from kaitong.demo.acts import Case
from kaitong.places import queries as places

Tale = Iterator[float]


def appointed(case: Case, ago: float, visit: float) -> Tale:
    """Taken in `ago`, called soon after, a visit agreed for `visit` (negative: still to come)."""
    yield ago
    case.submit(firm=case.serial % 29 == 0)
    yield (ago := ago - case.some(6, 34))
    case.claim("Appoint")
    yield ago - case.some(2, 7)
    case.complete(
        "Appoint",
        appointment_start=case.stage.past.slot(visit).isoformat(),
        appointment_minutes=case.chance.choice((60, 120, 120, 240)),
    )


def installed(case: Case, ago: float, visit: float) -> Tale:
    """The installer came, the modem dialled, the line was seen, the work order is back."""
    yield from appointed(case, ago, visit)
    yield visit - case.some(0, 12)
    case.claim("Install")
    yield (visit := visit - case.some(28, 55))
    case.dial()
    yield visit - case.some(2, 6)
    case.complete("Install", power_dbm=-case.some(140, 242) / 10)


def completed(case: Case, ago: float, visit: float, called: float) -> Tale:
    """And the customer says so."""
    yield from installed(case, ago, visit)
    yield called
    case.complete(
        "Accept",
        satisfaction=case.chance.choice((5, 5, 5, 4, 4, 3)),
        remark=case.chance.choice(
            (None, None, "师傅穿了鞋套，走线整齐", "网速达到套餐", "希望早点打电话", "很满意")
        ),
    )


def regular(case: Case, ago: float, visit: float, called: float, *, late: bool = False) -> Tale:
    """A customer of some months: a bill each month, paid some days later; `late`: not the last."""
    yield from completed(case, ago, visit, called)
    months = list(case.stage.past.months(called))
    for number, (month, written) in enumerate(months):
        yield written
        case.billed(month)
        paid = written - case.some(600, 3200)
        if paid > 0 and not (late and number == len(months) - 1):
            yield paid
            case.pays(month)


def away_for_long(
    case: Case, ago: float, visit: float, called: float, back: float | None = None
) -> Tale:
    """停机 some time after, and 复机 where the customer came back."""
    yield from completed(case, ago, visit, called)
    yield (stopped := called - case.some(40, 70))
    case.change("suspend", "customer.away")
    if back is not None:
        yield min(back, stopped - 10)
        case.change("resume", "customer.back")


def forgot_password(case: Case, ago: float, visit: float, called: float) -> Tale:
    """密码重置 at the counter."""
    yield from completed(case, ago, visit, called)
    yield called - case.some(20, 60)
    secret = f"Huangshan{case.serial}"
    case.change("reset-password", password=secret, password_again=secret)


def moved(case: Case, ago: float, visit: float, called: float, there: UUID, done: bool) -> Tale:
    """移机: somebody takes the line down at the old address now, or (`done`) is at the new one."""
    yield from completed(case, ago, visit, called)
    yield (asked := called - case.some(20, 40))
    case.settle("move")
    case.change("move", "customer.house", address=places.addresses([there])[there].full_text)
    case.follow("move")
    if case.order is None:  # without a network nothing was asked for
        return
    yield (asked := asked - 25)
    case.claim("Appoint")
    case.complete(
        "Appoint",
        appointment_start=case.stage.past.slot(20).isoformat(),
        appointment_minutes=120,
    )
    yield 24
    case.claim("Dismount")
    if done:
        yield 12
        case.complete("Dismount")
        case.stage.machines(1, 2, 4)
        case.claim("Install")


def left(case: Case, ago: float, visit: float, called: float) -> Tale:
    """销户: the line is refused at once, somebody is to fetch the modem."""
    yield from completed(case, ago, visit, called)
    yield called - case.some(20, 60)
    case.settle("cancel")
    case.change("cancel", "moving.away")


def new(case: Case, ago: float) -> Tale:
    yield ago
    case.submit()


def slow_contact(case: Case, ago: float) -> Tale:
    """Nobody called the customer within the time; the shift leader urges."""
    yield ago
    case.submit()
    yield ago - 150
    case.urge("Appoint", "客户来电催装，请尽快联系")


def no_answer(case: Case, ago: float) -> Tale:
    """Called, nobody answered."""
    yield ago
    case.submit()
    yield (ago := ago - 20)
    case.claim("Appoint")
    yield ago - 6
    case.tell("Appoint", "拨打两次无人接听，已发短信，下午再联系")


def visiting(case: Case, ago: float, visit: float) -> Tale:
    """The installer is at the customer's now."""
    yield from appointed(case, ago, visit)
    yield max(3.0, visit - 5)
    case.claim("Install")


def missed(case: Case, ago: float, visit: float) -> Tale:
    """The appointment went by, the time for installing too; urged twice over."""
    yield from appointed(case, ago, visit)
    yield visit - 120
    case.urge("Install", "约定时间已过，客户在家等候")


def dispatched(case: Case, ago: float, visit: float, to: str) -> Tale:
    """The shift leader gives the visit to somebody."""
    yield from appointed(case, ago, visit)
    yield max(3.0, ago - 70)
    case.dispatch("Install", to)


def away(case: Case, ago: float, visit: float, *, reason: str, note: str, back: float) -> Tale:
    """Suspended: the customer's causes stop both clocks, a missing resource only the step's."""
    yield from appointed(case, ago, visit)
    yield visit - 4
    case.claim("Install")
    yield visit - 12
    case.suspend("Install", reason, note, case.stage.past.at(back))


def came_back(case: Case, ago: float, visit: float) -> Tale:
    """Suspended, resumed, installed."""
    yield from appointed(case, ago, visit)
    yield visit
    case.claim("Install")
    yield (visit := visit - 8)
    case.suspend(
        "Install", "customer-away", "客户外出，约定回来再装", case.stage.past.at(visit - 500)
    )
    yield (visit := visit - 300)
    case.resume("Install")
    yield (visit := visit - 40)
    case.dial()
    yield visit - 3
    case.complete("Install", power_dbm=-18.6)
    yield visit - 90
    case.complete("Accept", satisfaction=4)


def put_off(case: Case, ago: float, visit: float, later: float) -> Tale:
    """改约: the customer asks for a later time."""
    yield from appointed(case, ago, visit)
    yield (soon := ago - 55)
    case.claim("Install")
    yield soon - 3
    case.agree("Install", case.stage.past.slot(later), "客户要求改到后面的时间")


def sent_back(case: Case, ago: float, visit: float) -> Tale:
    """退回 by the installer: to be called again."""
    yield from appointed(case, ago, visit)
    yield visit
    case.claim("Install")
    yield visit - 15
    case.send_back("Install", "Appoint", "客户临时有事，现场无人，需重新预约")


def wrong_port(case: Case, ago: float, visit: float) -> Tale:
    """The drop fibre is on the neighbour's port: the check refuses, the leader lets it pass."""
    yield from appointed(case, ago, visit)
    yield visit
    case.claim("Install")
    yield (visit := visit - 40)
    case.dial(wrong=True)
    yield (visit := visit - 3)
    case.complete("Install", power_dbm=-17.8)
    yield visit - 14
    _override(case, "箱内标签脱落，端口待核对，先保证客户上网")


def changed_port(case: Case, ago: float, visit: float, done: bool) -> Tale:
    """The port is bad: changed on the spot, and the resource post is to look at the old one."""
    yield from appointed(case, ago, visit)
    yield visit
    case.claim("Install")
    yield visit - 15
    case.change_port("bad-port")
    if done:
        yield visit - 40
        case.dial()
        yield visit - 44
        case.complete("Install", power_dbm=-20.4)


def not_seen(case: Case, ago: float, visit: float) -> Tale:
    """No session at all: the customer's house is without power."""
    yield from appointed(case, ago, visit)
    yield visit
    case.claim("Install")
    yield (visit := visit - 45)
    case.complete("Install", power_dbm=-17.8)
    yield visit - 9
    _override(case, "客户家停电，光路已测通，来电后自动上线")
    case.stage.machines(2, 6, 12, 24, 40)


def came_by_itself(case: Case, ago: float, visit: float) -> Tale:
    """As before, but the session comes up and the exception closes itself."""
    yield from not_seen(case, ago, visit)
    yield visit - 200
    case.dial()
    case.seen()


def reworked(case: Case, ago: float, visit: float, done: float | None) -> Tale:
    """The monitoring post sends the installer back to the box."""
    yield from wrong_port(case, ago, visit)
    yield (visit := visit - 80)
    case.complete(
        "ProofException", decision="rework", decision_reason="现网 PON 口与登记不符，请到箱体改接"
    )
    if done is None:
        return
    yield done
    case.claim("Rework")
    case.dial()
    yield done - 5
    case.complete("Rework", remark="皮线改接到登记端口，标签已补贴")
    yield done - 60
    case.complete("Accept", satisfaction=4, remark="来了两次，最后装好了")


def given_up(case: Case, ago: float, visit: float) -> Tale:
    """退单 after the proof failed: the data are taken out of the network again."""
    yield from not_seen(case, ago, visit)
    yield visit - 150
    case.complete(
        "ProofException", decision="refuse", decision_reason="入户管道堵塞，客户不同意明线，退单"
    )


def unread(case: Case, ago: float, decision: str = "") -> Tale:
    """The document was not read: a clerk looks at it."""
    yield ago
    case.submit(read=False)
    if decision:
        yield ago - case.some(20, 70)
        refused = decision == "refuse"
        case.complete(
            "DocumentReview",
            decision=decision,
            document_read=not refused or None,
            decision_reason="证件照片与本人不符，客户放弃办理" if refused else "客户到厅出示原件",
        )


def withdrawn(case: Case, ago: float, visit: float, since: float, reason: str) -> Tale:
    """撤单 before the visit: what was set aside and paid goes back."""
    yield from appointed(case, ago, visit)
    yield since
    case.withdraw(reason)


def taken_twice(case: Case, ago: float) -> Tale:
    """The same wish was taken in twice: this one is withdrawn at once."""
    yield ago
    case.submit()
    yield ago - 12
    case.withdraw("operator.duplicate")


def full_box(case: Case, ago: float, decision: str = "") -> Tale:
    """No free port: the resource post looks for one."""
    yield ago
    case.submit()
    if decision == "claim":
        yield ago - 25
        case.claim("PortException")
        case.tell("PortException", "已派现场核查误占，箱体 8 口全部占用")
    elif decision:
        yield ago - 90
        case.complete(
            "PortException", decision=decision, decision_reason="箱体已满，扩容计划明年一季度"
        )


def network_down(case: Case, ago: float, again: float | None) -> Tale:
    """The AAA server was away when the data were to be written."""
    yield ago
    with case.stage.outage():
        case.submit()
        case.stage.machines(1, 3, 6, 12, 30, 95)
    if again is not None:
        yield again
        case.retry()


def _override(case: Case, reason: str) -> None:
    case.complete(
        "Install", by=case.stage.boss, override=True, power_dbm=-17.8, override_reason=reason
    )
