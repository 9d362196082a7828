"""`./run test`: say what the machine lacks, start a PostgreSQL for the tests, run pytest."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from kaitong.core.home import REPOSITORY, home
from kaitong.core.postgres import Cluster, binaries, major_version
from kaitong.lab import line

# Longer forms of the suite, and what each asks of the tests: `./run test --nightly [PATH ...]`.
FORMS = {
    "--nightly": {"KAITONG_ORACLE_RUNS": "2000"},
}
CHAOS = ["tests/chaos", "tests/path/test_every_death.py"]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def lacking() -> list[str]:
    """What tests need and this machine does not have, each with the way to get it."""
    missing = []
    if not any(map(shutil.which, CHROMIUM)):
        missing.append("Chromium (browser tests). On Debian: apt-get install chromium")
    freeradius = shutil.which("freeradius") or Path("/usr/sbin/freeradius").exists()
    if not freeradius or not shutil.which("radclient"):
        missing.append(
            "FreeRADIUS (activation tests). On Debian: "
            "apt-get install freeradius freeradius-postgresql freeradius-utils"
        )
    if not shutil.which("kea-dhcp4", path="/usr/sbin:/usr/bin"):
        missing.append(
            "Kea (tests of television). On Debian: apt-get install kea-dhcp4-server kea-admin"
        )
    if not (shutil.which("kamailio", path="/usr/sbin:/usr/bin") and shutil.which("sipp")):
        missing.append(
            "Kamailio (tests of fixed voice). On Debian: "
            "apt-get install kamailio kamailio-postgres-modules sip-tester"
        )
    if not shutil.which("pdftoppm"):
        missing.append("pdftoppm (papers). On Debian: apt-get install poppler-utils")
    if not shutil.which("snmptrapd", path="/usr/sbin:/usr/bin") or not shutil.which("snmptrap"):
        missing.append("snmptrapd (alarms). On Debian: apt-get install snmptrapd snmp")
    if why := line.missing():
        missing.append(f"a PPPoE line (end-to-end test of broadband): {why}")
    shared = Path(os.environ.get("KAITONG_SHARED") or REPOSITORY.parent / "shared")
    if not (shared / "README.md").exists():
        missing.append("third-party contracts and test cases. Set KAITONG_SHARED to their folder")
    return missing


def main() -> int:
    arguments = sys.argv[1:]
    for form in [a for a in arguments if a in FORMS]:
        arguments.remove(form)
        for name, value in FORMS[form].items():
            os.environ.setdefault(name, value)
    missing = lacking()
    for what in missing:
        print(f"· lacking: {what}", flush=True)
    if missing and os.environ.get("KAITONG_REQUIRE_ALL") == "1":
        print("kaitong: KAITONG_REQUIRE_ALL=1, so nothing may be lacking.", file=sys.stderr)
        return 2
    version = major_version(binaries())
    folder = home() / "test" / f"pg{version}"
    # Losing the tests' data in a power cut costs nothing; waiting for the disk costs minutes.
    cluster = Cluster(folder, settings={"fsync": "off", "synchronous_commit": "off"})
    started = not cluster.running()
    cluster.start()
    cluster.ensure_database("kaitong")
    os.environ["KAITONG_DATABASE_URL"] = cluster.dsn("kaitong")
    os.environ["DJANGO_SETTINGS_MODULE"] = "kaitong.settings.test"
    os.environ.pop("KAITONG_HOME", None)  # tests keep their state in a folder of their own
    print(f"· PostgreSQL {version} on port {cluster.port}", flush=True)
    import pytest

    if "--chaos" in arguments:  # two hundred kills instead of ten, every death, and nothing else
        kept = [a for a in arguments if a != "--chaos"]
        paths = [a for a in kept if not a.startswith("-") and Path(a.split("::")[0]).exists()]
        arguments = kept + ([] if paths else CHAOS) + ["-s"]
        os.environ["KAITONG_CHAOS"] = "full"
    if not any(a == "-n" or a.startswith(("-n", "--numprocesses")) for a in arguments):
        cores = os.cpu_count() or 2
        whole = not any(a and Path(a.split("::")[0]).exists() for a in arguments)
        arguments = [*arguments, "-n", str(min(cores, 4)) if whole else "0"]
    from kaitong.cli.spending import Spending

    try:
        # Files in the order of `kaitong.conftest`: the long ones first, the last ones end together.
        order = ["--dist=loadfile", "--no-loadscope-reorder"]
        return int(pytest.main([*arguments, *order], plugins=[Spending()]))
    finally:
        if started:
            cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
