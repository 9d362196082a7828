"""A person at a browser and a shop's system: orders by TMF641, work by the pages, over HTTP.

Orders carry an Idempotency-Key, so whatever stands in the way (a web process killed in the middle,
no answer, a database that is away) it sends the same again until it has an answer.
"""

from __future__ import annotations

import http.client
import http.cookiejar
import json
import random
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.chaos.journal import Journal
from tests.chaos.world import PASSWORD, POSTS

ORDERS = "/tmf-api/serviceOrdering/v4/serviceOrder"
WITHDRAWALS = "/tmf-api/serviceOrdering/v4/cancelServiceOrder"
EXAMPLE = Path(__file__).parents[2] / "examples" / "home-broadband-order.json"
LINK = re.compile(r'data-row="([0-9a-f-]{36})"')
ID = re.compile(r"[0-9a-f-]{36}")
# What a busy or restarting house may say; a 500 is never one of them.
EXPECTED = {200, 201, 302, 403, 404, 409, 422, 429, 503}


class Clerk:
    def __init__(self, name: str, folder: Path, seed: str, port: int, lines: int) -> None:
        self.folder, self.base = folder, f"http://127.0.0.1:{port}"
        self.rng = random.Random(seed)
        self.journal = Journal(folder / f"{name}.journal")
        self.token = json.loads((folder / "tokens.json").read_text())["clerk1"]
        self.keys = [f"{name}-{n}" for n in range(lines)]
        self.cookies = http.cookiejar.CookieJar()
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def work(self) -> None:
        while not (self.folder / "go-home").exists():
            calm = (self.folder / "be-kind").exists()
            answered = {line["key"] for line in self.journal.of("submitted")}
            left = [key for key in self.keys if key not in answered]
            if left and (calm or self.rng.random() < 0.5):
                self.submit(left[0])
            elif not calm:
                self.rng.choice([self.look, self.take, self.withdraw])()
            time.sleep(0.1)

    def call(self, path: str, data: Any = None, **headers: str) -> tuple[int, str]:
        """Status and text; 0 when nothing came back."""
        request = urllib.request.Request(
            self.base + path,
            data=None if data is None else json.dumps(data).encode(),
            headers={"Authorization": f"Bearer {self.token}"} | headers,
        )
        if data is not None:
            request.add_header("Content-Type", "application/json")
        return self.send(request, urllib.request.urlopen)

    def send(self, request: Any, opener: Any) -> tuple[int, str]:
        url = request if isinstance(request, str) else request.full_url
        status, text = self.heard(request, opener, url)
        place = urllib.parse.urlsplit(url).path
        self.journal.write("http", place=ID.sub("ID", place), status=status)
        return status, text

    def heard(self, request: Any, opener: Any, url: str) -> tuple[int, str]:
        try:
            with opener(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if error.code not in EXPECTED:
                self.journal.write("fault", act=url, error=str(error.code), where=text[-400:])
            return error.code, text
        except (OSError, http.client.HTTPException):
            time.sleep(0.3)
            return 0, ""

    def submit(self, key: str) -> None:
        body = json.loads(EXAMPLE.read_text())
        body["externalId"] = key
        if not any(line["key"] == key for line in self.journal.of("submitting")):
            self.journal.write("submitting", key=key)
        header = {"Idempotency-Key": key}
        status, text = self.call(ORDERS, body, **header)
        if status == 201:
            self.journal.write("submitted", key=key, order=json.loads(text)["id"])

    def look(self) -> None:
        told = self.journal.of("submitted")
        if told:
            chosen = self.rng.choice(told)["order"]
            status, text = self.call(f"{ORDERS}/{chosen}")
            if status == 404:
                self.journal.write("fault", act="look", error=f"{chosen} is gone", where=text)

    def withdraw(self) -> None:
        told = self.journal.of("submitted")
        if told and self.rng.random() < 0.3:
            chosen = self.rng.choice(told)["order"]
            if int(chosen[-1], 16) % 4 == 0:
                body = {"serviceOrder": {"id": chosen}, "cancellationReason": "moved"}
                self.call(WITHDRAWALS, body, **{"Idempotency-Key": f"back-{chosen}"})

    # ---- at the pages ----

    def take(self) -> None:
        """Sign in where needed, open the workbench, claim or give back a piece of work."""
        status, page = self.send(self.base + "/work/?tab=open&who=team", self.browser.open)
        if status != 200:
            return
        if 'name="login"' in page:
            # another name each time: tries while the database is away count against a name
            who = f"{self.rng.choice((*POSTS, *['supervisor'] * 7))}{self.rng.choice('12')}"
            self.form("/accounts/login/", login=who, password=PASSWORD)
            return
        items = sorted(set(LINK.findall(page)))
        if items:
            verb = self.rng.choice(("claim", "release", "urge"))
            self.form(f"/work/{self.rng.choice(items)}/{verb}")

    def form(self, path: str, **fields: str) -> tuple[int, str]:
        token = next((c.value for c in self.cookies if c.name == "csrftoken"), "") or ""
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
        request = urllib.request.Request(self.base + path, data=data)
        return self.send(request, self.browser.open)
