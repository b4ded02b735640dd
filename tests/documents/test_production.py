"""docs/production.md, done as written: every block, in order, on a Debian with systemd, PostgreSQL, Redis and nginx.

First the release before this one is installed (tests/documents/releases.py says which that is). It is updated to this one,
goes back, and is updated again. Data is written before, in between and after.
"""

import base64
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.documents import machine as machines
from tests.documents.blocks import Block, blocks
from tests.documents.machine import Machine
from tests.documents.releases import ROOT, Served, git, previous_release, served

DOCUMENT = ROOT / "docs" / "production.md"
SITE = "https://rodeo.example.org"
PROCESSES = ("rodeo-web", "rodeo-live", "rodeo-worker", "rodeo-puller", "rodeo-beat")
# What passwords are made of, if they are good ones. No shell and no systemd may change any of it.
ODD = r"""o $HOME ${x} `id` %h %% #x "y" \n \ !&;|<>*?~ é=z"""
PASSWORD = "rodeo-is-live-42"


class Operator:
    """Somebody who follows the document from the top, and looks whether everything works."""

    def __init__(self, machine: Machine, source: Served) -> None:
        self.machine, self.source = machine, source
        self.left = blocks(DOCUMENT)
        self.said: dict[int, str] = {}
        self.stories = 0
        machine.replaced = {"ADDRESS-OF-THIS-REPOSITORY": source.address, "MAIL-PASSWORD": "p%24%25%23"}
        machine.replaced["CLIENT-SECRET"] = ODD

    # Following the document

    def follow(self, section: str, until: str = "") -> list[Block]:
        """Do the next blocks of a section: all of them, or those before the one that has these words in it or before it."""
        done = []
        while self.left and self.left[0].section == section:
            block = self.left[0]
            if until and (until in block.text or until in block.intro):
                return done
            self.said[block.line] = self.do(block)
            done.append(self.left.pop(0))
        assert done, f"production.md has no more blocks in “{section}”"
        assert not until, f"no block of “{section}” has “{until}”"
        return done

    def again(self, section: str) -> list[Block]:
        """Return the blocks of a section, which were done before."""
        return [block for block in blocks(DOCUMENT) if block.section == section]

    def do(self, block: Block) -> str:
        """Do what it says. What asks questions is done in a terminal."""
        before, asks, after = block.text.partition("rodeo createsuperuser\n")
        if not asks or block.file:
            return self.machine.do(block)
        assert not after
        said = self.machine.run(before)
        answers = {"sername": "pia", "mail": "pia@example.org", "assword: ": PASSWORD, "(again): ": PASSWORD}
        return said + self.machine.answer("rodeo createsuperuser", answers)

    # Looking

    def api(self, path: str, body: object = None) -> machines.Answer:
        """Ask the API, through nginx, as the first administrator."""
        login = base64.b64encode(f"pia:{PASSWORD}".encode()).decode()
        method = "GET" if body is None else "POST"
        return self.machine.ask(f"{SITE}/api/v1/{path}", method, body, Authorization=f"Basic {login}")

    def write(self, title: str) -> None:
        """Create a story, and have its event for search and open pages delivered."""
        created = self.api("stories/", {"title": title, "squad": "payments"})
        assert created.status == 201, created.text

    def titles(self) -> set[str]:
        """The titles of all stories."""
        answer = self.api("stories/?page_size=200")
        assert answer.status == 200, answer.text
        return {each["title"] for each in answer.json["results"]}

    def wait_until_ready(self) -> None:
        """Wait until every part works."""
        deadline = time.monotonic() + 120
        answer = None
        while time.monotonic() < deadline:
            states = self.machine.run(f"systemctl is-active {' '.join(PROCESSES)}", check=False).split()
            assert "failed" not in states, self.machine.journal()
            answer = self.machine.ask(f"{SITE}/readyz")
            live = self.machine.ask("http://127.0.0.1:8001/healthz", Host="rodeo.example.org")
            if (answer.status, live.status) == (200, 200) and self.heartbeats():
                return
            time.sleep(0.3)
        pytest.fail(f"not ready: {answer}\n{self.machine.journal()}")

    def heartbeats(self) -> bool:
        """Say whether worker, puller and scheduler have all said in the broker that they are there."""
        found = self.machine.run("redis-cli --raw keys 'rodeo:heartbeat:*'").split()
        return len(found) == 3

    def sql(self, query: str) -> str:
        """Ask the database."""
        return self.machine.run(f"su - postgres -c 'psql --no-align --tuples-only rodeo' <<'END'\n{query}\nEND").strip()

    def migrations(self) -> str:
        """Which migrations the database has."""
        return self.sql("SELECT app, name FROM django_migrations ORDER BY 1, 2")

    def schema(self) -> str:
        """Every table and column in the database."""
        return self.machine.run(
            "su - postgres -c 'pg_dump --schema-only --no-owner rodeo' | grep -v '^.\\(un\\)\\?restrict '"
        )

    def commit(self) -> str:
        """The commit that is checked out."""
        return self.machine.run("git -c safe.directory='*' -C /srv/rodeo/app rev-parse HEAD").strip()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine on which nothing was done yet."""
    if reason := machines.why_not():
        pytest.skip(reason)
    made = Machine()
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.mark.only_on("sqlite")
def test_every_command_of_the_document_works_as_written(machine: Machine, tmp_path: Path) -> None:
    old, new = previous_release(), git("rev-parse", "HEAD")
    with served(tmp_path) as source:
        source.offer(old)
        operator = Operator(machine, source)
        operator.follow("Install")
        settings_are_read_alike(operator)
        operator.follow("Prepare")
        processes_start(operator)
        nginx_serves(operator)
        pages_answer(operator)
        events_arrive(operator)
        connections_are_added_up(operator)
        while operator.left and operator.left[0].section == "Watch it":
            operator.follow("Watch it")
        backups_are_restored(operator)
        update_and_back(operator, old, new)
        interrupted_update(operator, new)
        closed_from_outside(operator)
    assert [f"{block.section}, line {block.line}" for block in operator.left] == [], "These blocks were not done."


def settings_are_read_alike(operator: Operator) -> None:
    operator.follow("Settings", until="DJANGO_SETTINGS_MODULE")
    keys = next(said for said in operator.said.values() if re.fullmatch(r"\S{60,}\n\S{43}=\n", said)).split()
    operator.machine.replaced |= {"SECRET-KEY": keys[0], "FIELD-KEY": keys[1]}
    operator.follow("Settings")
    names = "RODEO_|DATABASE_URL|BROKER_URL|DJANGO_"
    run = operator.machine.run
    by_shell = run(f"set -a; . /etc/rodeo.env; env | grep -E '^({names})' | sort")
    by_systemd = run(
        f"systemd-run --quiet --pipe --wait --property EnvironmentFile=/etc/rodeo.env env | grep -E '^({names})' | sort"
    )
    assert by_shell == by_systemd
    assert f"RODEO_OIDC_SECRET={ODD}\n" in by_shell
    assert "RODEO_EMAIL_FROM=Rodeo <rodeo@example.org>\n" in by_shell
    assert f"RODEO_FIELD_KEYS={keys[1]}\n" in by_shell
    assert run("stat --format '%U %a' /etc/rodeo.env") == "root 600\n"


def processes_start(operator: Operator) -> None:
    operator.follow("systemd", until="systemctl daemon-reload")
    assert operator.machine.run("systemd-analyze verify /etc/systemd/system/rodeo-*.service 2>&1") == ""
    operator.follow("systemd")
    owners = operator.machine.run("ps -eo user:20,args | grep /srv/rodeo/app/.venv/bin | grep -v grep")
    assert {line.split()[0] for line in owners.splitlines()} == {"rodeo"}


def nginx_serves(operator: Operator) -> None:
    done = operator.follow("nginx")
    assert any("nginx -t" in block.text for block in done)
    # What nginx -t would warn of, such as more connections than it may open files.
    assert "warn" not in "".join(operator.said[block.line] for block in done)
    operator.wait_until_ready()


def pages_answer(operator: Operator) -> None:
    ask = operator.machine.ask
    plain = ask("http://rodeo.example.org/is/PAY-1?x=1")
    assert (plain.status, plain.headers["Location"]) == (308, f"{SITE}/is/PAY-1?x=1")
    page = ask(f"{SITE}/accounts/login/")
    assert page.status == 200
    assert "Strict-Transport-Security" in page.headers
    static = re.search(r'href="(/static/[^"]+\.css)"', page.text)
    assert static is not None
    assert ask(SITE + static[1]).status == 200
    # Whoever reads the proxy's log learns nothing of who takes part in a session.
    for path in (
        "/retrospectives/a/session/",
        "/api/v1/retrospectives/a/session/cards/",
        "/events/?topics=retrospective_session:a",
    ):
        ask(SITE + path)
    log = operator.machine.run("cat /var/log/nginx/access.log")
    assert "GET /accounts/login/" in log and "session/" not in log and "retrospective_session" not in log


def events_arrive(operator: Operator) -> None:
    ask = operator.machine.ask
    assert operator.api("squads/", {"name": "Payments", "key_prefix": "PAY", "kind": "horizontal"}).status == 201
    operator.write("from the first day")
    made = operator.api("sources/push/", {"kind": "cdevents", "name": "CI"})
    assert made.status == 201, made.text
    event = {
        "context": {
            "version": "0.4.1",
            "id": "a1",
            "source": "/deploy",
            "type": "dev.cdevents.service.deployed.0.2.0",
            "timestamp": "2026-01-31T12:04:30Z",
        },
        "subject": {
            "id": "checkout",
            "type": "service",
            "content": {"environment": {"id": "production"}, "artifactId": "pkg:oci/checkout@sha256%3A0b31b1c02ff4"},
        },
    }
    sent = ask(f"{SITE}/hooks/ci/", "POST", event, Authorization=f"Bearer {made.json['token']}")
    assert sent.status == 202, sent.text
    # The worker reads it.
    wait(lambda: operator.api("events/?source=ci").json["results"][0]["state"] != "pending", "the event is read")
    signed_in = operator.machine.run(f"""python3 - <<'END'
{SIGN_IN}
END""")
    # An open page hears at once that it is connected: nothing waits until a buffer is full.
    stream = ask(f"{SITE}/events/?topic=squad:payments", stream=True, Cookie=signed_in.strip())
    assert (stream.status, stream.headers["Content-Type"].split(";")[0]) == (200, "text/event-stream")
    assert stream.text
    assert ask(f"{SITE}/events/?topic=squad:payments").status in (401, 403)


# A browser's way in, for the cookie of its session.
SIGN_IN = f"""
import http.cookiejar, re, ssl, urllib.parse, urllib.request
jar = http.cookiejar.CookieJar()
context = ssl.create_default_context(cafile="/etc/ssl/rodeo/fullchain.pem")
browser = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), urllib.request.HTTPCookieProcessor(jar))
page = browser.open("{SITE}/accounts/login/").read().decode()
token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
form = urllib.parse.urlencode(dict(csrfmiddlewaretoken=token, login="pia", password="{PASSWORD}")).encode()
browser.open(urllib.request.Request("{SITE}/accounts/login/", form, dict(Referer="{SITE}/accounts/login/")))
print("; ".join(f"{{each.name}}={{each.value}}" for each in jar))
"""


def closed_from_outside(operator: Operator) -> None:
    ask = operator.machine.ask
    for path in ("/metrics", "/status"):
        assert ask(SITE + path).status == 404, path
        inside = ask(f"http://127.0.0.1:8000{path}", Host="rodeo.example.org", X_Forwarded_Proto="https")
        assert inside.status in (200, 503), (path, inside)
    assert (
        "rodeo_outbox_dead_messages"
        in ask("http://127.0.0.1:8000/metrics", Host="rodeo.example.org", X_Forwarded_Proto="https").text
    )


def connections_are_added_up(operator: Operator) -> None:
    text = DOCUMENT.read_text()
    table = [line.split("|") for line in text.splitlines() if line.startswith("| ")]
    counts = {
        cells[1].strip(): int(re.match(r"\s*(\d+)", cells[4])[1])
        for cells in table
        if len(cells) == 6 and re.match(r"\s*\d", cells[4])
    }
    assert set(counts) == {"web", "live", "worker", "puller", "scheduler"}
    said = re.search(r"Together, that is at most (\d+) of the (\d+) connections", text)
    assert said is not None
    assert int(said[1]) == sum(counts.values())
    assert operator.sql("SHOW max_connections") == said[2]
    # All threads of the web process at once, many times, while the worker and the puller are at work.
    load = """
import http.client, threading
def ask():
    for _ in range(8):
        asked = http.client.HTTPConnection("127.0.0.1", 8000, timeout=60)
        asked.request("GET", "/readyz", headers={"Host": "rodeo.example.org", "X-Forwarded-Proto": "https"})
        asked.getresponse().read()
threads = [threading.Thread(target=ask) for _ in range(64)]
[each.start() for each in threads]
[each.join() for each in threads]
"""
    asking = operator.machine.start_command("python3", "-c", load)
    most = 0
    while asking.poll() is None:
        most = max(most, int(operator.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'rodeo'")))
    assert asking.returncode == 0, asking.communicate()[0]
    assert 16 <= most <= sum(counts.values()), counts


def wait(so: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.2)


def backups_are_restored(operator: Operator) -> None:
    operator.write("before the backup")
    operator.follow("Backups", until="rodeo_before_restore' && createdb")
    run = operator.machine.run
    assert run("systemd-analyze verify /etc/systemd/system/rodeo-backup.* 2>&1") == ""
    assert "rodeo-backup.timer" in run("systemctl list-timers --no-pager")
    names = run("ls /srv/rodeo/backups").split()
    assert [re.sub(r"\d", "0", name) for name in names] == ["rodeo-00000000-000000.dump"]
    assert run("stat --format '%U %a' /srv/rodeo/backups/*") == "rodeo 600\n"
    operator.write("after the backup")
    operator.machine.replaced["BACKUP"] = names[0].removesuffix(".dump")
    operator.follow("Backups")
    operator.wait_until_ready()
    assert operator.titles() == {"from the first day", "before the backup"}


def update_and_back(operator: Operator, old: str, new: str) -> None:
    operator.write("before the update")
    assert operator.commit() == old
    before, tables = operator.migrations(), operator.schema()
    operator.source.offer(new)
    operator.follow("Update")
    operator.wait_until_ready()
    assert operator.commit() == new
    if old != new:
        assert operator.migrations() != before
    assert "before the update" in operator.titles()
    operator.write("written by the new version")
    operator.follow("Go back after a failed update")
    operator.wait_until_ready()
    assert operator.commit() == old
    # Nothing of the newer version remains.
    assert operator.migrations() == before
    assert operator.schema() == tables
    assert operator.titles() == {"from the first day", "before the backup", "before the update"}
    operator.write("written by the old version again")


READER = """
BEGIN;
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('LOCK TABLE %I IN SHARE MODE', name);
    END LOOP;
END $$;
SELECT pg_sleep(600);
"""


def interrupted_update(operator: Operator, new: str) -> None:
    """Update again; kill the migration in the middle, and continue as the document says."""
    stop, code, prepare = operator.again("Update")
    operator.do(stop)
    operator.do(code)
    check, migrate, rest = prepare.text.partition("rodeo migrate\n")
    assert migrate
    operator.machine.run(check)
    pending = "[ ]" in operator.machine.run("rodeo showmigrations")
    # Whatever the first migration changes, it then has to wait for this one, who reads everything.
    operator.machine.write("/run/reader.sql", READER)
    reader = operator.machine.start_command("su", "-", "postgres", "-c", "psql --quiet --file /run/reader.sql rodeo")
    wait(lambda: operator.sql("SELECT count(*) > 10 FROM pg_locks WHERE mode = 'ShareLock'") == "t", "all is locked")
    migrating = operator.machine.start_command("rodeo", "migrate")
    if pending:
        wait(lambda: operator.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1", "a migration is half done")
        operator.machine.run("pkill -KILL -f 'manage.py migrate'")
    migrating.communicate()
    assert (migrating.returncode != 0) == pending
    operator.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")
    reader.communicate()

    operator.machine.run(migrate + rest)
    operator.wait_until_ready()
    assert operator.commit() == new
    assert "written by the old version again" in operator.titles()
    operator.write("written by the new version again")
