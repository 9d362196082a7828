"""`./run kaitong ...`: the command line of the system.

setup --branch CODE --name NAME --supervisor USER   the first organisation; again and again
staff add USER --name NAME --branch CODE --post KEY ... | staff password USER | staff list
device add TITLE --branch CODE | device code ID | device revoke ID | device list [--json]
                                 the hall's tablet and board (设备), signed in by a code
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
listener list [--json] | listener retry ID         who is told by the TMF hubs; what was never taken
veil                             mobile numbers kept in clear by earlier versions, sealed or masked
keys rotate | keys list [--json]   a new key (密钥) for what is sealed from now on, in all processes
carry KEY [--plan] [--batch N] [--as USER] [--json]   lines of an element that others serve by now:
                                 how many; to the new one, proven, out of the old one (网元割接)
check [--mend]                   do rows and counters of the runtime and the books agree; what
                                 nobody watches becomes an incident (the worker does so by itself)
migrate | worker | serve [--port N] [--host H] [--processes N]
lab up|down|status|session       see ./run lab --help
"""

from __future__ import annotations

import argparse

from kaitong.cli.grammar import business, money, moving, runtime, upkeep
from kaitong.cli.grammar.words import Grammar


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments. It wants neither settings nor a database."""
    root = argparse.ArgumentParser(
        prog="./run kaitong",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    grammar = Grammar(root)
    for room in (business, moving, runtime, money, upkeep):
        room.add(grammar)
    return root
