"""`./run kaitong ...`: the command line of the system.

setup --branch CODE --name NAME --supervisor USER   the first organisation; again and again
staff add USER --name NAME --branch CODE --post KEY ... | staff password USER | staff list
token USER                       a bearer token for the APIs, shown once
order submit FILE.json           a TMF641 serviceOrder; prints the id
order show ID [--json]           by id or number
order amend ID --as USER [--set appointment|phone|remark=VALUE ... --reason TEXT] [--json]
order withdraw ID --as USER [--plan | --reason CODE [--note TEXT]] [--json]
work list [--order ID] [--post P] [--user U] [--json]
work complete ID --as USER [--data JSON | --example]
work claim|release|urge|resume ID --as USER [--reason TEXT]
work dispatch|help ID --to USER --as USER [--reason TEXT]
work transfer ID --post POST --as USER [--reason TEXT]
work return ID --as USER [--step NODE] [--plan | --reason TEXT [--expect FINGERPRINT]] [--json]
work feedback ID --text TEXT --as USER
work suspend ID --reason-code CODE --until TIME --as USER [--reason TEXT]
service show ID [--json] [--reveal]
service changes ACCOUNT --as USER [--json]       what may be done with a line in use, and why not
service change ACCOUNT CHANGE --as USER [--reason GROUP.REASON] [--document NO | --number MOBILE
                                 | --old-password P] [--set FIELD=VALUE ...] [--key K]
paper print ORDER [KIND] -o FILE.pdf [--as USER]
paper print --work ITEM [--work ITEM ...] -o FILE.pdf [--as USER]   work orders of many items
import addresses|plant|terminals|regions|grids|roster FILE [--as USER | --branch CODE]
                                 [--skip-bad] [--dry-run]
import ... --template FILE.xlsx  an empty sheet with headings, explanations and examples
export orders FILE.xlsx [--state S] [--from DATE] [--to DATE] [--as USER] [--reveal WHY]
export work FILE.xlsx [--tab T] [--post P] [--overdue] [--as USER] [--reveal WHY]
playbook check|test|deploy|list [PATH]
playbook manual NAME -o FILE.md       the clerk's manual (营业员手册) of a playbook
process check FILE.bpmn ... [--json]               executable, or every reason why not
process signal NAME --branch CODE --id SENDER-ID --as USER [--data JSON]   once by its id
process starts [--json]          what messages, signals and timers begin, and when next
process layout FILE.bpmn [-o OUT.bpmn]             a diagram for a file that has none
process handbook PLAYBOOK [PROCESS] -o FILE.pdf    流程说明书
process migrate PLAYBOOK --as USER [--process KEY] [--order NUMBER ...] [--map OLD=NEW ...] [--json]
process migrate ... --apply --reason TEXT          running instances to the current version
notices list [--order ID] [--state S] [--json]    what customers were told, and what failed
notices retry ID --as USER
backup FILE.zip [--with-keys --passphrase-file F]   database and files of one moment
restore FILE.zip [--replace] [--passphrase-file F]
incident list [--json] | incident retry|claim|release ID --as USER
incident note ID --text TEXT --as USER
incident by-hand ID --evidence TEXT [--file FILE ...] --as USER     then, by somebody else:
incident agree ID --as USER | incident decline ID --reason TEXT --as USER
figures fold | rebuild           read orders changed since, or all of them, into the figures
figures report FILE.pdf|FILE.xlsx --as USER [--month YYYY-MM | --week DAY] [--branch CODE]
                                 [--action KEY] [--plan KEY]
figures recount [--day DAY]      add the figures up anew from what was read
figures check                    compare them with what was read
billing run [--month 2026-11] [--as USER] [--batch N] [--json]   monthly charges, each once
billing list | billing arrears [--as USER] [--json]
money account|pay CUSTOMER ... --as USER          a customer's account; money taken at the counter
money close [--day DAY] [--counted YUAN --reason TEXT] --as USER    日结
money cards FILE.csv --batch NAME --as USER       into stock: serial,secret,yuan,expires
money card SERIAL [--unlock | --void REASON] --as USER
money reconcile CHANNEL [--day DAY] [--credit] --as USER   a channel's statement against ours
money check [--json]             do the books balance
reconcile [--list] [--json] [--as USER]      AAA servers against services in operation (对账)
reconcile --resend ID --as USER | reconcile --remove ID --sure FINGERPRINT --as USER
check [--mend]                   do rows and counters of the runtime and the books agree; what
                                 nobody watches becomes an incident (the worker does so by itself)
migrate | worker | serve [--port N] [--host H] [--processes N]
lab up|down|status|session       see ./run lab --help
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from kaitong.core.errors import BadInput, KaitongError

_PURE = "bpmn.process_check"  # wants neither database nor settings


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """An argument that is a whole number between two bounds."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = lowest - 1
        if not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"must be a whole number, {lowest} to {highest}")
        return number

    return read


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="./run kaitong",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")

    def leaf(parent, name: str, handler: str, *arguments: tuple) -> argparse.ArgumentParser:  # type: ignore[no-untyped-def]
        made: argparse.ArgumentParser = parent.add_parser(name)
        for names, options in arguments:
            made.add_argument(*names.split(), **options)
        made.set_defaults(handler=handler)
        return made

    def group(name: str):  # type: ignore[no-untyped-def]
        return verbs.add_parser(name).add_subparsers(dest="what", required=True, metavar="WHAT")

    as_json = ("--json", {"action": "store_true"})
    as_user = ("--as", {"dest": "user", "required": True, "metavar": "USER"})
    leaf(verbs, "token", "token", ("user", {}))
    order = group("order")
    leaf(order, "submit", "order_submit", ("file", {}), ("--as", {"dest": "user", "default": ""}))
    leaf(order, "show", "order_show", ("id", {}), as_json)
    leaf(
        order, "withdraw", "order_withdraw",
        ("id", {}), as_user, ("--reason", {"default": "", "metavar": "CODE"}),
        ("--note", {"default": ""}), ("--key", {"default": ""}),
        ("--plan", {"action": "store_true"}), as_json,
    )  # fmt: skip
    leaf(
        order, "amend", "order_amend",
        ("id", {}), as_user, ("--set", {"action": "append", "default": [], "metavar": "F=VALUE"}),
        ("--reason", {"default": "", "metavar": "TEXT"}), as_json,
    )  # fmt: skip
    leaf(verbs, "why", "why", ("id", {"metavar": "ORDER|ITEM"}), as_json)
    work = group("work")
    leaf(
        work, "list", "work_list",
        ("--order", {"default": ""}), ("--post", {"default": ""}), ("--user", {"default": ""}),
        ("--limit", {"type": whole(1, 100_000), "default": 200}), as_json,
    )  # fmt: skip
    leaf(
        work, "complete", "work_complete",
        ("id", {}), as_user, ("--data", {"default": ""}), ("--example", {"action": "store_true"}),
    )  # fmt: skip
    reason = ("--reason", {"default": "", "metavar": "TEXT"})
    to = ("--to", {"required": True, "metavar": "USER"})
    own: dict[str, tuple[tuple[str, dict[str, object]], ...]] = {
        "claim": (),
        "release": (reason,),
        "urge": (reason,),
        "resume": (),
        "dispatch": (to, reason),
        "help": (to, reason),
        "transfer": (("--post", {"required": True, "metavar": "POST"}), reason),
        "return": (
            ("--step", {"default": "", "metavar": "NODE"}),
            reason,
            ("--plan", {"action": "store_true"}),
            ("--expect", {"default": "", "metavar": "FINGERPRINT"}),
            as_json,
        ),
        "feedback": (("--text", {"required": True}),),
        "suspend": (
            ("--reason-code", {"required": True, "metavar": "CODE"}),
            ("--until", {"required": True, "metavar": "TIME"}),
            reason,
        ),
    }
    for verb, options in own.items():
        leaf(work, verb, "work_verb", ("id", {}), as_user, *options)
    service = group("service")
    leaf(
        service, "show", "service_show",
        ("id", {}), ("--reveal", {"action": "store_true"}),
        ("--as", {"dest": "user", "default": ""}), as_json,
    )  # fmt: skip
    leaf(service, "changes", "changing.service_changes", ("account", {}), as_user, as_json)
    leaf(
        service, "change", "changing.service_change",
        ("account", {}), ("change", {}), as_user,
        *((f"--{name}", {"default": ""}) for name in ("reason", "note", "key")),
        *((f"--{name}", {"default": ""}) for name in ("document", "number", "old-password")),
        ("--set", {"action": "append", "default": [], "metavar": "FIELD=VALUE"}), as_json,
    )  # fmt: skip
    paper = group("paper")
    leaf(
        paper, "print", "paper_print",
        ("order", {"nargs": "?", "default": ""}), ("kind", {"nargs": "?", "default": ""}),
        ("--work", {"action": "append", "default": [], "metavar": "ITEM"}),
        ("-o --output", {"required": True, "metavar": "FILE.pdf"}),
        ("--as", {"dest": "user", "default": ""}),
    )  # fmt: skip
    bring = group("import")
    for name in ("addresses", "plant", "terminals", "regions", "grids", "roster"):
        leaf(
            bring, name, "transfers.bring_in",
            ("file", {"nargs": "?", "default": ""}),
            ("--as", {"dest": "user", "default": "", "metavar": "USER"}),
            ("--branch", {"default": "", "metavar": "CODE"}),
            ("--sheet", {"default": "", "metavar": "NAME"}),
            ("--skip-bad", {"action": "store_true"}), ("--dry-run", {"action": "store_true"}),
            ("--faults", {"default": "", "metavar": "FILE.csv"}),
            ("--refused", {"default": "", "metavar": "FILE"}),
            ("--template", {"default": "", "metavar": "FILE.xlsx"}), as_json,
        )  # fmt: skip
    out = group("export")
    by = ("--as", {"dest": "user", "default": "", "metavar": "USER"})
    clear = ("--reveal", {"default": "", "metavar": "WHY"})
    leaf(
        out, "orders", "transfers.export_orders",
        ("file", {"metavar": "FILE.xlsx"}), by, ("--branch", {"default": "", "metavar": "CODE"}),
        ("--state", {"default": ""}), ("--from", {"dest": "since", "default": ""}),
        ("--to", {"dest": "until", "default": ""}), clear,
    )  # fmt: skip
    leaf(
        out, "work", "transfers.export_work",
        ("file", {"metavar": "FILE.xlsx"}), by,
        ("--tab", {"default": "open", "choices": ["open", "todo", "mine", "suspended", "done"]}),
        ("--post", {"default": ""}), ("--overdue", {"action": "store_true"}),
        ("--team", {"action": "store_true"}), clear,
    )  # fmt: skip
    playbook = group("playbook")
    for name in ("check", "test", "deploy"):
        leaf(playbook, name, f"playbook_{name}", ("path", {}))
    leaf(
        playbook, "manual", "processes.playbook_manual",
        ("playbook", {}), ("-o", {"dest": "output", "required": True, "metavar": "FILE.md"}),
    )  # fmt: skip
    leaf(playbook, "list", "playbook_list", ("path", {"nargs": "?"}), as_json)
    process = group("process")
    leaf(process, "check", _PURE, ("file", {"nargs": "+", "metavar": "FILE.bpmn"}), as_json)
    leaf(
        process, "signal", "signals.process_signal",
        ("name", {}), ("--branch", {"required": True, "metavar": "CODE"}),
        ("--id", {"required": True, "metavar": "SENDER-ID"}), as_user,
        ("--data", {"default": "", "metavar": "JSON"}),
    )  # fmt: skip
    leaf(process, "starts", "signals.process_starts", as_json)
    leaf(
        process, "layout", "processes.process_layout",
        ("file", {"metavar": "FILE.bpmn"}),
        ("-o", {"dest": "output", "default": "", "metavar": "OUT.bpmn"}),
    )  # fmt: skip
    leaf(
        process, "handbook", "processes.process_handbook",
        ("playbook", {}), ("process", {"nargs": "?", "default": ""}),
        ("-o", {"dest": "output", "required": True, "metavar": "FILE.pdf"}),
    )  # fmt: skip
    leaf(
        process, "migrate", "processes.process_migrate",
        ("playbook", {}), as_user, ("--process", {"default": ""}),
        ("--order", {"action": "append", "default": [], "metavar": "NUMBER"}),
        ("--map", {"action": "append", "default": [], "metavar": "OLD=NEW"}),
        ("--apply", {"action": "store_true"}), ("--reason", {"default": ""}), as_json,
    )  # fmt: skip
    _money(group, leaf, as_json, as_user, by)
    leaf(
        verbs, "reconcile", "network.reconcile",
        ("--list", {"action": "store_true"}), ("--resend", {"default": "", "metavar": "ID"}),
        ("--remove", {"default": "", "metavar": "ID"}),
        ("--sure", {"default": "", "metavar": "FINGERPRINT"}),
        ("--as", {"dest": "user", "default": "", "metavar": "USER"}), as_json,
    )  # fmt: skip
    notices = group("notices")
    states = ["queued", "sending", "sent", "failed", "skipped"]
    leaf(
        notices, "list", "notice_list",
        ("--order", {"default": ""}), ("--state", {"default": "", "choices": states}),
        ("--limit", {"type": whole(1, 100_000), "default": 200}), as_json,
    )  # fmt: skip
    leaf(notices, "retry", "notice_retry", ("id", {}), as_user)
    incident = group("incident")
    leaf(incident, "list", "incident_list", as_json)
    for verb in ("retry", "claim", "release", "agree"):
        leaf(incident, verb, f"incidents.{verb}", ("id", {}), as_user)
    leaf(incident, "note", "incidents.note", ("id", {}), as_user, ("--text", {"required": True}))
    leaf(incident, "decline", "incidents.decline", ("id", {}), as_user, reason)
    leaf(
        incident, "by-hand", "incidents.by_hand",
        ("id", {}), as_user, ("--evidence", {"required": True, "metavar": "TEXT"}),
        ("--file", {"action": "append", "default": [], "metavar": "FILE"}),
    )  # fmt: skip
    figures = group("figures")
    leaf(figures, "fold", "figures.fold")
    leaf(figures, "rebuild", "figures.rebuild")
    leaf(figures, "check", "figures.check")
    leaf(
        figures, "report", "figures.report",
        ("file", {"metavar": "FILE.pdf|FILE.xlsx"}), as_user,
        ("--month", {"default": "", "metavar": "YYYY-MM"}),
        ("--week", {"default": "", "metavar": "DAY"}),
        ("--branch", {"default": "", "metavar": "CODE"}),
        ("--action", {"default": "", "metavar": "KEY"}),
        ("--plan", {"default": "", "metavar": "KEY"}),
    )  # fmt: skip
    leaf(figures, "recount", "figures.recount", ("--day", {"default": "", "metavar": "DAY"}))
    leaf(
        verbs, "setup", "organisation.setup",
        ("--branch", {"default": "", "metavar": "CODE"}), ("--name", {"default": ""}),
        ("--kind", {"default": "county", "choices": ["province", "city", "county"]}),
        ("--above", {"action": "append", "default": [], "metavar": "CODE:NAME:KIND"}),
        ("--supervisor", {"default": "", "metavar": "USER"}),
        ("--supervisor-name", {"default": ""}),
        ("--playbook", {"action": "append", "default": [], "metavar": "NAME"}), as_json,
    )  # fmt: skip
    staff = group("staff")
    leaf(
        staff, "add", "organisation.staff_add",
        ("user", {}), ("--name", {"required": True}),
        ("--branch", {"required": True, "metavar": "CODE"}),
        ("--post", {"action": "append", "required": True, "metavar": "KEY"}),
        ("--department", {"default": ""}), ("--admin", {"action": "store_true"}), as_json,
    )  # fmt: skip
    leaf(staff, "password", "organisation.staff_password", ("user", {}))
    leaf(staff, "list", "staff_list", as_json)
    leaf(verbs, "check", "check", ("--mend", {"action": "store_true"}))
    sealed = ("--passphrase-file", {"default": "", "metavar": "FILE"})
    leaf(
        verbs, "backup", "backups.backup",
        ("file", {"metavar": "FILE.zip"}), ("--with-keys", {"action": "store_true"}), sealed,
    )  # fmt: skip
    leaf(
        verbs, "restore", "backups.restore",
        ("file", {"metavar": "FILE.zip"}), ("--replace", {"action": "store_true"}), sealed,
    )  # fmt: skip
    leaf(
        verbs, "migrate", "backups.migrate",
        ("--continue", {"dest": "go_on", "action": "store_true"}),
    )  # fmt: skip
    leaf(verbs, "worker", "worker")
    leaf(
        verbs, "serve", "serve",
        ("--port", {"type": whole(1, 65535), "default": 8000}),
        ("--host", {"default": "127.0.0.1"}),
        ("--processes", {"type": whole(1, 64), "help": "default: two a processor, at most 8"}),
    )  # fmt: skip
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0 done, 1 refused, 2 wrong arguments; what was wrong goes to stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if any(map(_torn, given)):
        print("kaitong: an argument is not UTF-8 text.", file=sys.stderr)
        return 2
    if given[:1] == ["lab"]:
        return _lab(given[1:])
    asked = parser().parse_args(given)
    if asked.handler == _PURE:
        return _pure(asked)
    from kaitong.core import database

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kaitong.settings.base")
    started = None
    try:
        started = database.connect()
        import django

        django.setup()

        _speak()
        _fit(asked.verb)
        module, _, name = asked.handler.rpartition(".")
        commands = import_module(f"kaitong.cli.{module or 'commands'}")
        return int(getattr(commands, name)(asked) or 0)
    except BadInput as error:
        for fault in error.faults:
            print(f"kaitong: {fault}", file=sys.stderr)
        return 1
    except KaitongError as error:
        print(f"kaitong: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0
    except OSError as error:
        print(f"kaitong: {error.filename or 'the machine'}: {error.strerror}.", file=sys.stderr)
        return 1
    except _schema_errors():
        print(
            "kaitong: the database is empty or of another version. "
            "Start ./run demo, or ./run kaitong migrate.",
            file=sys.stderr,
        )
        return 1
    except _database_errors() as error:
        print(
            f"kaitong: the database does not answer ({type(error).__name__}). "
            "Start ./run demo, or check KAITONG_DATABASE_URL.",
            file=sys.stderr,
        )
        return 1
    finally:
        if started is not None:
            database.release(started)


# What may begin on an empty database, and what looks after the schema itself.
_MAKES = frozenset({"serve", "worker", "setup"})
_OWN = frozenset({"backup", "restore", "migrate"})


def _money(group, leaf, as_json, as_user, by) -> None:  # type: ignore[no-untyped-def]
    """Commands of money."""
    billing = group("billing")
    leaf(
        billing, "run", "money.billing_run",
        ("--month", {"default": "", "metavar": "YYYY-MM"}), by,
        ("--batch", {"type": whole(1, 10_000), "default": 500}), as_json,
    )  # fmt: skip
    leaf(billing, "list", "money.billing_runs")
    leaf(billing, "arrears", "money.arrears", by, as_json)
    money = group("money")
    leaf(money, "account", "money.account", ("customer", {}), as_user, as_json)
    leaf(
        money, "pay", "money.pay",
        ("customer", {}), ("amount", {"metavar": "YUAN"}), as_user,
        ("--method", {"default": "cash", "choices": ["cash", "card"]}),
        ("--reference", {"default": ""}), ("--key", {"default": ""}),
    )  # fmt: skip
    leaf(
        money, "close", "money.close", as_user,
        ("--day", {"default": "", "metavar": "DAY"}),
        ("--counted", {"default": "", "metavar": "YUAN"}), ("--reason", {"default": ""}),
    )  # fmt: skip
    leaf(
        money, "cards", "money.cards_in",
        ("file", {}), ("--batch", {"required": True, "metavar": "NAME"}), as_user,
    )  # fmt: skip
    leaf(
        money, "card", "money.card",
        ("serial", {}), ("--unlock", {"action": "store_true"}),
        ("--void", {"default": "", "metavar": "REASON"}), as_user,
    )  # fmt: skip
    leaf(
        money, "reconcile", "money.reconcile",
        ("channel", {}), ("--day", {"default": "", "metavar": "DAY"}),
        ("--credit", {"action": "store_true"}), as_user,
    )  # fmt: skip
    leaf(money, "check", "money.books_check", as_json)


def _pure(asked: argparse.Namespace) -> int:
    """A command that looks at files only."""
    try:
        return int(import_module("kaitong.cli.bpmn").process_check(asked))
    except BrokenPipeError:
        return 0
    except OSError as error:
        print(f"kaitong: {error.filename}: {error.strerror}.", file=sys.stderr)
        return 1


def _fit(verb: str) -> None:
    """Bring a state of an earlier version to this one before anything is read."""
    from kaitong.transfer.backup import schema, upgrading

    if verb in _OWN or upgrading.quick_check():
        return
    if verb in _MAKES or schema.applied():
        upgrading.ready(lambda text: print(f"· {text}", file=sys.stderr, flush=True))


def _speak() -> None:
    """Words in the language of KAITONG_LANGUAGE (zh-hans, en); Chinese without it."""
    from django.conf import settings
    from django.utils import translation

    asked = os.environ.get("KAITONG_LANGUAGE", "")
    if asked in dict(settings.LANGUAGES):
        translation.activate(asked)


def _torn(word: str) -> bool:
    """Whether a word holds what no text may: NUL, or bytes that are not UTF-8."""
    return any(sign == "\x00" or "\ud800" <= sign <= "\udfff" for sign in word)


def _schema_errors() -> tuple[type[Exception], ...]:
    from django.db import ProgrammingError

    return (ProgrammingError,)


def _database_errors() -> tuple[type[Exception], ...]:
    import psycopg
    from django.db import InterfaceError, OperationalError

    return (OperationalError, InterfaceError, psycopg.OperationalError)


def _lab(arguments: list[str]) -> int:
    """The lab runs without Kaitong, but looks at its database where that is running."""
    from kaitong.core import database

    cluster = database.embedded()
    if cluster is not None and cluster.running():
        os.environ[database.VARIABLE] = cluster.application("kaitong", "kaitong")
    from kaitong.lab.commands import main as lab

    try:
        return lab(arguments)
    except OSError as error:
        print(f"lab: {error.filename or 'the machine'}: {error.strerror}.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
