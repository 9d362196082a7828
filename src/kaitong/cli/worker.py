"""The worker process: timers, messages, external commands, notices, invoices, sessions."""

from __future__ import annotations

import logging
import signal
import threading
from functools import partial

from django.db import InterfaceError, OperationalError, close_old_connections, connection

from kaitong.activation import reconciling
from kaitong.charging import services as charging
from kaitong.charging.billing import last_month
from kaitong.documents import services as documents
from kaitong.hall import services as hall
from kaitong.inventory import services as inventory
from kaitong.messaging import channels, sending
from kaitong.ordering import barring, demands, drafts, dunning, recount, rents, sessions
from kaitong.org.actor import Actor
from kaitong.process import figures, overdue, partitions, worker
from kaitong.process import queries as process_queries
from kaitong.process import services as process
from kaitong.reporting import services as reporting
from kaitong.surveys import services as surveys
from kaitong.tmf import listening
from kaitong.transfer import jobs
from kaitong.worktime import queries as worktime

log = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
TERMINAL_SECONDS = 3.0
HOUSEKEEPING_SECONDS = 10.0
NOTICE_SECONDS = 1.0
INVOICE_SECONDS = 1.0
OVERDUE_SECONDS = 15.0
RECOUNT_SECONDS = 2.0
FIGURE_SECONDS = 60.0
FOLD_SECONDS = 60.0
BILLING_SECONDS = 3600.0
SWEEP_SECONDS = 3600.0
HALL_SECONDS = 300.0
SURVEY_SECONDS = 30.0
MEND_SECONDS = 600.0
JOB_SECONDS = 1.0
DEMAND_SECONDS = 15.0
RECONCILE_SECONDS = 600.0
RESUME_SECONDS = 20.0
DUNNING_SECONDS = 3600.0
EVENT_SECONDS = 2.0
WARN_SECONDS = 60.0


def housekeeping() -> None:
    """What must happen now and then, whatever people do; each part is safe to run twice at once."""
    inventory.expire_reservations()
    drafts.mark_expired()
    process.forget_messages()
    channels.drop_old_files()
    partitions.ensure()


def recount_all() -> None:
    """Due times after a change of a calendar, batch by batch until all stand by it."""
    while recount.recount_due():
        pass


def sweep() -> None:
    """Look for files nobody owns; what is found is logged."""
    documents.sweep_files()
    jobs.forget_old()
    listening.forget()
    for calendar, year in worktime.missing_years():  # whoever keeps it reads so on its page
        log.info("calendar %s has no holidays of %s yet: deadlines are provisional", calendar, year)


def bill() -> None:
    """The month that has ended, for all branches, and reminders of what is overdue; what is done
    already costs a look."""
    rents.bill(actor=Actor.system(), month=last_month())
    dunning.remind()


def end_hall_days() -> None:
    """What a day before today left open in the halls, and forms nobody came back to."""
    while hall.end_past_days():
        pass
    hall.forget_old()


def ask_customers() -> None:
    """Ask about what has happened since; what nobody answered in time ends or is called about."""
    surveys.look()
    while surveys.expire():
        pass


def mend() -> None:
    """A wait that nobody watches becomes an incident; what cannot be mended is logged."""
    process.mend()
    for problem in process_queries.check():
        log.error("sweeper: %s", problem)


def _repeat(stop: threading.Event, seconds: float, work: object, name: str) -> None:
    assert callable(work)
    while not stop.is_set():
        try:
            close_old_connections()
            work()
        except (OperationalError, InterfaceError):
            log.warning("database away while %s", name)
            connection.close()
        except Exception:
            log.exception("%s failed", name)
        stop.wait(seconds)
    connection.close()


def run(stop: threading.Event | None = None) -> None:
    """Work until told to stop (SIGTERM, SIGINT); what is under way is finished and recorded."""
    stop = stop or threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    helpers = [
        threading.Thread(target=_repeat, args=(stop, seconds, work, name), name=name)
        for seconds, work, name in (
            (WATCH_SECONDS, sessions.watch, "session watch"),
            (TERMINAL_SECONDS, sessions.watch_terminals, "watch over awaited terminals"),
            (HALL_SECONDS, end_hall_days, "end of the halls' day"),
            (SURVEY_SECONDS, ask_customers, "surveys"),
            (INVOICE_SECONDS, charging.drain_invoices, "invoices"),
            (HOUSEKEEPING_SECONDS, housekeeping, "housekeeping"),
            (FIGURE_SECONDS, figures.add_up, "figures of steps"),
            (FOLD_SECONDS, reporting.fold, "figures of orders and work"),
            (OVERDUE_SECONDS, overdue.watch, "watch over due times"),
            (RECOUNT_SECONDS, recount_all, "recount after a change of a calendar"),
            # each carrier alone: a slow mail server holds up mail and nothing else
            (NOTICE_SECONDS, partial(sending.drain, channels.FILE), "notices by file"),
            (NOTICE_SECONDS, partial(sending.drain, channels.SMTP), "notices by mail"),
            (BILLING_SECONDS, bill, "billing"),
            (SWEEP_SECONDS, sweep, "sweep"),
            (MEND_SECONDS, mend, "sweep of waits"),
            (JOB_SECONDS, jobs.drain, "long jobs"),
            (JOB_SECONDS, partial(jobs.drain, jobs.LONG_QUEUE), "carrying of lines"),
            (DEMAND_SECONDS, demands.tell_waiting, "unmet demand"),
            (RECONCILE_SECONDS, reconciling.reconcile_due, "reconciliation"),
            (RESUME_SECONDS, barring.run, "resuming what was paid"),
            (DUNNING_SECONDS, barring.run_daily, "arrears"),
            (EVENT_SECONDS, listening.tell, "events for listeners"),
            (WARN_SECONDS, listening.warn, "overdue orders for listeners"),
        )
    ]
    for helper in helpers:
        helper.start()
    try:
        worker.run_forever(stop)
    finally:
        stop.set()
        for helper in helpers:
            helper.join()
