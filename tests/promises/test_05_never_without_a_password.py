"""Test promise 5: no machine is ever reachable without a password.

Strangers get nothing, whatever happens to Jupyter's settings.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.workshop import Workshop

USER = "ws-1"
CONFIG = "/home/jupyter/.jupyter/jupyter_server_config.json"
KEPT = "/root/kept-settings"
SECTION = '"IdentityProvider": {"hashed_password": '
OPEN = """\
c = get_config()
c.ServerApp.token = c.IdentityProvider.token = c.ServerApp.password = c.PasswordIdentityProvider.hashed_password = ""
c.ServerApp.password_required = c.PasswordIdentityProvider.password_required = False
c.ServerApp.allow_unauthenticated_access = True
c.ServerApp.identity_provider_class = "jupyter_server.auth.identity.IdentityProvider"
c.ServerApp.disable_check_xsrf = True
"""
# Each script damages the settings, by root and in bash; `$settings` is the file, `$kept` its former content.
DAMAGES = {
    "missing": "rm $settings",
    "empty": ": > $settings",
    "truncated": "head -c $(($(stat -c %s $kept) / 2)) $kept > $settings",
    "garbage": "head -c 4096 /dev/urandom > $settings",
    "without a hash": "echo '{}' > $settings",
    "empty hash": f"echo '{{{SECTION}\"\"}}}}' > $settings",
    "no text for a hash": f"echo '{{{SECTION}null}}}}' > $settings",
    "half a hash": f"echo '{{{SECTION}\"argon2:$argon2id$v=19$m=1\"}}}}' > $settings",
    "garbage for a hash": f"echo '{{{SECTION}\"x\"}}}}' > $settings",
    "unreadable": "chown root: $settings; chmod 600 $settings",
    "a folder": "rm $settings; mkdir $settings",
    "a dangling link": "rm $settings; ln -s nowhere $settings",
    "opened by other settings": f"cat > ${{settings%.json}}.py <<'END'\n{OPEN}END",
    "opened, and no hash": f"echo '{{}}' > $settings; cat > ${{settings%.json}}.py <<'END'\n{OPEN}END",
}
# The script restarts Jupyter and requests it all the while, past the load balancer, until it answered or gave up and
# tried again.
LOOK = """
import subprocess, time, urllib.error, urllib.request
systemctl = lambda *words: subprocess.run(["systemctl", *words], capture_output=True, text=True).stdout.strip()
systemctl("reset-failed", "jupyter")
systemctl("restart", "jupyter")
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
answers, end = set(), time.monotonic() + 60
while not answers and time.monotonic() < end:
    for path in ("/api/contents", "/api/kernels", "/api/terminals", "/lab", "/tree"):
        try:
            with opener.open("http://127.0.0.1:8888" + path, timeout=20) as response:
                answers.add("login" if "/login" in response.url else str(response.status))
        except urllib.error.HTTPError as error:
            answers.add(str(error.code))
        except OSError:
            pass
    state = systemctl("show", "--value", "--property=NRestarts", "jupyter")
    if not answers and (state != "0" or systemctl("is-active", "jupyter") in ("failed", "inactive")):
        break
    time.sleep(0.1)
else:
    if not answers:
        answers.add("neither an answer nor an end within 60 s")
print(*sorted(answers))
"""


def look(workshop: Workshop) -> set[str]:
    """Return the answers that a stranger gets while Jupyter starts.

    They are statuses, or "login"; empty when Jupyter refuses to start.
    """
    return set(workshop.on_machine(USER, f"python3 - <<'END'\n{LOOK}\nEND").split())


@pytest.fixture(scope="module", autouse=True)
def settings(workshop: Workshop) -> Iterator[None]:
    """Restore the settings after the test and check that the machine works."""
    workshop.on_machine(USER, f"cp -a {CONFIG} {KEPT}")
    yield
    restored(workshop)
    workshop.on_machine(USER, f"rm {KEPT}; systemctl reset-failed jupyter; systemctl restart jupyter")
    workshop.succeed(f"ansible-playbook -l {USER} set_password.yml")
    workshop.succeed(f"ansible-playbook -l {USER} fleet_check.yml")


def restored(workshop: Workshop) -> None:
    """Restore the settings without a restart."""
    settings = f"rm -rf {CONFIG} {CONFIG}.damaged {CONFIG.removesuffix('json')}py; cp -a {KEPT} {CONFIG}"
    workshop.on_machine(USER, settings)


def test_strangers_get_the_login_at_most(workshop: Workshop) -> None:
    """The check itself works: with right settings it sees answers, all refusals."""
    assert look(workshop) == {"403", "login"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_settings_open_nothing(workshop: Workshop, damage: str) -> None:
    workshop.on_machine(USER, f"settings={CONFIG} kept={KEPT}\n{DAMAGES[damage]}")
    try:
        assert look(workshop) <= {"403", "login", "404", "500"}
    finally:
        restored(workshop)


@pytest.mark.parametrize("damage", ["missing", "truncated", "a folder"])
def test_set_password_repairs_it(workshop: Workshop, damage: str) -> None:
    workshop.on_machine(USER, f"settings={CONFIG} kept={KEPT}\n{DAMAGES[damage]}; systemctl restart jupyter || true")
    try:
        result = workshop.play(f"-l {USER} set_password.yml")
        repairs = damage != "a folder"
        assert (result.status == 0) == repairs, result.text
        assert repairs or (f"FAILED {USER}: " in result.text and "Traceback" not in result.text), result.text
        assert look(workshop) <= {"403", "login", "404", "500"}
    finally:
        restored(workshop)
