"""The password of the file, which alone opens Jupyter.

Its hash is readable by the account alone.
"""

from __future__ import annotations

from tests.support.scenario import HOME, Machine

LOGIN = """
import http.cookiejar, re, sys, urllib.error, urllib.parse, urllib.request
jar = http.cookiejar.CookieJar()
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
page = browser.open("http://127.0.0.1:8888/login", timeout=20).read().decode()
token = re.search('name="_xsrf" value="([^"]+)"', page).group(1)
password = sys.stdin.read()
form = urllib.parse.urlencode({"_xsrf": token, "password": password}).encode()
try:
    browser.open("http://127.0.0.1:8888/login", form, timeout=20)
    print(browser.open("http://127.0.0.1:8888/api/contents", timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def login(machine: Machine, password: str) -> int:
    """Return the status of /api/contents after a login with `password`."""
    machine.admin.check_output(f"cat > /tmp/login.py <<'END'\n{LOGIN}\nEND")
    return int(machine.admin.check_output(f"printf %s '{password}' | python3 /tmp/login.py"))


def test_the_new_password_opens_and_others_do_not(machine: Machine) -> None:
    (old,) = (HOME / f"{machine.user}.old").read_text().splitlines()
    assert login(machine, machine.password) == 200
    assert login(machine, old) != 200
    assert login(machine, "entirely other words for nobody") != 200
    assert login(machine, "") != 200


def test_nobody_gets_in_without_one(machine: Machine) -> None:
    assert machine.answer("/api/contents") == 403


def test_the_hash_is_for_the_account_alone(machine: Machine) -> None:
    """No other account can read a file with the hash, in the home or below /etc."""
    found = machine.root.check_output("grep -rl argon2: /home/jupyter/.jupyter /etc 2>/dev/null || true").split()
    assert found
    for path in found:
        assert machine.root.run(f"runuser -u nobody -- cat {path}").rc != 0, path
        # The file's own mode counts even where the home keeps others out, since a home may be opened to colleagues.
        assert machine.root.file(path).mode & 0o077 == 0, path


def test_the_password_is_nowhere_on_the_machine(machine: Machine) -> None:
    words = machine.password
    assert words not in machine.root.check_output("ps -eo args=")
    journal = machine.root.check_output("journalctl --no-pager")
    assert words not in journal
