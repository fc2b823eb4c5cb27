"""Start Jupyter in the container, with a password or a token.

This is the image's entry point, under tini; Jupyter runs as the owner of the mounted folder. As root it gives the
account `jupyter` the folder's user and group id, and becomes it; started with --user it keeps its user. A password is
kept as its hash; without a password, and without one that the user set herself, Jupyter gets a new token. Neither is
ever an argument of a process. An error prints one line and ends with exit status 2. Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

LIBRARY = Path("/usr/local/lib/probcomp-stack")
NOTEBOOKS = Path("/notebook")
HOME = Path("/home/jupyter")
ACCOUNT = "jupyter"
CONFIG = HOME / ".jupyter/jupyter_server_config.json"
GIVEN = HOME / ".jupyter/given_password.json"
"""The hash of the last password that was given to the container."""
TOKEN = HOME / ".jupyter/token_config.json"
START_SECONDS = 120
_NO_NEW_PRIVILEGES = 38
"""PR_SET_NO_NEW_PRIVS of prctl(2).

As on a machine, no program that Jupyter starts gets more rights than its caller.
"""
_NOT_FOR_JUPYTER = ("JUPYTER_PASSWORD", "JUPYTER_PASSWORD_FILE", "JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE")


class StartError(Exception):
    """An error that prevents Jupyter's start; its text is one line for the user."""


class Owner(NamedTuple):
    """User id and group id."""

    uid: int
    gid: int


def given_password(environment: dict[str, str], minimum: int) -> str | None:
    """Return the password that the container was given, None without one.

    Of a file the first line counts. `minimum` is the fewest characters. Raises StartError for an unusable password.
    """
    if "JUPYTER_PASSWORD_FILE" in environment and "JUPYTER_PASSWORD" in environment:
        raise StartError("both JUPYTER_PASSWORD and JUPYTER_PASSWORD_FILE are set: give one of them")
    if "JUPYTER_PASSWORD_FILE" in environment:
        file = environment["JUPYTER_PASSWORD_FILE"]
        source = f"the password file {file!r}"
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", "it is no UTF-8 text")
            raise StartError(f"{source} cannot be read: {reason}") from None
        password = text.split("\n", 1)[0].removesuffix("\r")
    elif "JUPYTER_PASSWORD" in environment:
        source = "the password in JUPYTER_PASSWORD"
        text = password = environment["JUPYTER_PASSWORD"]
    else:
        return None
    faults = {
        "is encrypted with ansible-vault, which the container cannot decrypt: mount a file of yours (mode 0600) "
        "with what `ansible-vault view` shows of it": re.search(r"\$ANSIBLE_VAULT;|!vault\S*[ \t]*\|", text),
        "begins with a byte-order mark (BOM): save it as UTF-8 without one": password.startswith("\ufeff"),
        "is empty: give one, or none at all to get a token": not password.strip(),
        "has characters that cannot be seen (control characters, blanks at an end)": not password.isprintable()
        or password != password.strip(),
        f"has {len(password)} characters, fewer than {minimum}: give a longer one": len(password) < minimum,
    }
    if found := [fault for fault, is_found in faults.items() if is_found]:
        raise StartError(f"{source} {found[0]}")
    return password


def with_account(text: str, account: str, numbers: list[str]) -> str:
    """Return a text like /etc/passwd or /etc/group with `account` set to these ids.

    The account comes first, so that it is the first entry with these ids.
    """
    lines = text.splitlines()
    own = next(line for line in lines if line.startswith(f"{account}:"))
    fields = own.split(":")
    fields[2 : 2 + len(numbers)] = numbers
    return "\n".join([":".join(fields), *(line for line in lines if line != own)]) + "\n"


def is_rootless(uid_map: str) -> bool:
    """Return whether root in the container is only the caller outside.

    podman and docker without root map it so. `uid_map` is the text of /proc/self/uid_map (user_namespaces(7)).
    """
    first, outside, count = uid_map.split()[:3]
    return first == "0" and outside != "0" and count == "1"


def choose_owner(folder: Path, account: Owner, uid_map: str) -> Owner:
    """Return the owner for the files that Jupyter makes: the folder's owner.

    Raises StartError if that is root, who must not run Jupyter. Docker Desktop shows folders of the computer as root's,
    and lets every account write there.
    """
    found = folder.stat()
    if found.st_uid != 0 or is_rootless(uid_map):
        return Owner(found.st_uid, found.st_gid)
    if _can_write(folder, account):
        return account
    raise StartError(
        f"the folder mounted at {folder} belongs to root, as one does that docker had to make itself: "
        "make it yours (sudo chown $(id -u) FOLDER), or mount one that is"
    )


def _can_write(folder: Path, account: Owner) -> bool:
    child = os.fork()
    if child == 0:
        _become(account)
        os._exit(0 if os.access(folder, os.W_OK | os.X_OK) else 1)
    return os.waitpid(child, 0)[1] == 0


def _become(owner: Owner) -> None:
    os.setgroups([])
    os.setgid(owner.gid)
    os.setuid(owner.uid)


def _own_account() -> Owner:
    for line in Path("/etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if fields[0] == ACCOUNT:
            return Owner(int(fields[2]), int(fields[3]))
    raise StartError(f"the image has no account {ACCOUNT}")


def settle(folder: Path) -> None:
    """Give the account the folder owner's ids and the home, and become it.

    Needs root.
    """
    account = _own_account()
    owner = choose_owner(folder, account, Path("/proc/self/uid_map").read_text())
    if owner not in (account, Owner(0, 0)):
        for file, numbers in (("/etc/passwd", [str(owner.uid), str(owner.gid)]), ("/etc/group", [str(owner.gid)])):
            Path(file).write_text(with_account(Path(file).read_text(), ACCOUNT, numbers))
    for path in (HOME, *HOME.rglob("*")):
        if path.lstat().st_uid == account.uid or path == HOME:
            os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
    HOME.chmod(0o700)
    _become(owner)


def keep_password(python: str, password: str) -> None:
    """Write the hash of a given password to Jupyter's own settings.

    Jupyter reads it there, and `jupyter server password` writes it there. It is written once for each password: a
    password that the user sets later holds until the container is given another, as on a machine. Raises StartError.
    """
    config = read_json(CONFIG)
    known = hash_in(read_json(GIVEN)) if hash_in(config) else ""
    command = [python, "-I", str(LIBRARY / "password_hash.py")]
    made = subprocess.run(command, input=json.dumps([password, known]), capture_output=True, text=True, check=False)
    if made.returncode:
        raise StartError("the password cannot be hashed: the image is damaged, build it again")
    if fresh := made.stdout.strip():
        kept = {name: value for name, value in config.items() if name != "PasswordIdentityProvider"}
        write_json(CONFIG, {**kept, "IdentityProvider": {"hashed_password": fresh}})
        write_json(GIVEN, {"IdentityProvider": {"hashed_password": fresh}})


def hash_in(config: dict[str, Any]) -> str:
    """Return the password's hash in Jupyter's settings, empty without one."""
    for section in ("PasswordIdentityProvider", "IdentityProvider"):
        found = config.get(section)
        if isinstance(found, dict) and isinstance(found.get("hashed_password"), str) and found["hashed_password"]:
            return str(found["hashed_password"])
    return ""


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file, an empty one if there is no file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file atomically, readable by its owner alone."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    partial = path.with_suffix(".new")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=2)
    partial.replace(path)


def with_token(command: list[str], token: str) -> list[str]:
    """Return the command for a server without a password.

    Its token is in a file that has precedence over the home's settings.
    """
    write_json(TOKEN, {"IdentityProvider": {"token": token, "hashed_password": ""}})
    only_passwords = ("--IdentityProvider.token=", "--PasswordIdentityProvider.password_required=")
    return [*(word for word in command if not word.startswith(only_passwords)), f"--config={TOKEN}"]


def announce(server: int, port: int, words: str) -> None:
    """Print `words` once the server answers, and return at once.

    Ends the server should it answer without a password. A grandchild does this: the calling process becomes the server,
    and tini takes the orphan.
    """
    if child := os.fork():
        os.waitpid(child, 0)
        return
    if os.fork():
        os._exit(0)
    with contextlib.suppress(BaseException):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and status(port, "/api") != 200:
            time.sleep(0.2)
        # The request is for /lab, which sends a stranger to the login: a refused /api/contents would be a warning in
        # the log.
        if status(port, "/lab") == 200:
            print("jupyter: settings in its home open it to everybody: ended", file=sys.stderr, flush=True)
            os.kill(server, signal.SIGTERM)
        else:
            print(words, flush=True)
    os._exit(0)


def status(port: int, path: str) -> int:
    """Return the server's status for a request without login, 0 without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def main() -> int:
    """Become the server; return the exit status when that is not possible."""
    service: dict[str, Any] = json.loads((LIBRARY / "service.json").read_text())
    url = os.environ.get("JUPYTER_URL", f"http://127.0.0.1:{service['port']}").rstrip("/")
    command: list[str] = [*service["command"], "--ServerApp.answer_yes=True"]
    try:
        password = given_password(dict(os.environ), service["minimum_length"])
        if os.geteuid() == 0:
            settle(NOTEBOOKS)
        elif not os.access(HOME, os.W_OK):
            raise StartError(f"{HOME} belongs to another user: leave out --user, or start a new container")
        ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        os.umask(0o022)
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_JUPYTER}
        environment |= service["environment"]
        environment |= {"HOME": str(HOME), "USER": ACCOUNT, "LOGNAME": ACCOUNT, "SHELL": "/bin/bash"}
        os.environ.clear()
        os.environ.update(environment)
        if password is not None:
            keep_password(f"{environment['VIRTUAL_ENV']}/bin/python", password)
        if hash_in(read_json(CONFIG)):
            words = f"Open {url}/lab and give your password."
        else:
            token = secrets.token_hex(24)
            command = with_token(command, token)
            words = f"Open this address; whoever has it can use this Jupyter:\n\n    {url}/lab?token={token}\n"
    except StartError as error:
        print(f"jupyter: {error}", file=sys.stderr)
        return 2
    if not os.path.ismount(NOTEBOOKS):
        words = f"Nothing is mounted at {NOTEBOOKS}: what you make there goes with this container.\n{words}"
    elif not os.access(NOTEBOOKS, os.W_OK):
        words = f"Notebooks cannot be saved: {NOTEBOOKS} is read-only for user {os.getuid()}.\n{words}"
    # The server does not start in the notebooks' folder, since it would read settings that somebody put there.
    os.chdir("/")
    if os.getuid() == 0:
        command.append("--allow-root")
    announce(os.getpid(), service["port"], words)
    os.execv(command[0], command)  # noqa: S606 - the role's own command, as a list


if __name__ == "__main__":
    sys.exit(main())
