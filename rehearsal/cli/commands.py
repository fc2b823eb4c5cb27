"""Run `scripts/rehearsal`: start, stop, describe and break the rehearsal.

Writes below the rehearsal's folder only (.rehearsal, or --home, or REHEARSAL_HOME) and starts one process.
"""

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests

from rehearsal import run_state
from rehearsal.cli import environment
from rehearsal.cli.options import FAULT_OPTIONS, UP_OPTIONS, parser
from rehearsal.cli.status_text import status_text
from rehearsal.inputs import InputError, apt_repository
from rehearsal.machines import packages

START_SECONDS = 1800
"""Time limit in seconds for `up` as a whole.

The first time, images and packages may have to be downloaded and built.
"""
SILENCE_SECONDS = 900
"""Time limit in seconds for one step of `up` without output."""
STOP_SECONDS = 120
_POLL = 0.2
_LOCK = ".rehearsal-lock"
_NEEDED = ("nsenter", "ip", "iptables-restore")


class Problem(Exception):
    """Error of a command: the cause and what to do, in one line for the user."""


def up(home: Path, values: dict[str, object]) -> None:
    """Start the rehearsal unless it runs, and return when it is ready; raise Problem."""
    _check_folder(home)
    _check_computer()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    with (home / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Problem(f"another `rehearsal up` or `down` is at work in {home}: wait for it") from error
        run = run_state.read_run(home)
        if run and run.is_alive() and (home / "rehearsal.json").exists():
            _say(f"runs already (process {run.pid}); its settings are unchanged")
            return
        if run or run_state.find_servers(home) or run_state.find_run_ids(home):
            _say("found the remains of a rehearsal that did not end well: removing them")
            _clean(home)
        _start(home, values)


def down(home: Path) -> None:
    """Stop the rehearsal and remove what it made; raise Problem if something is left."""
    _check_folder(home)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        left = _clean(home)
        _empty(home)
    if left:
        raise Problem(f"left over in the container engine: {'; '.join(left)}")
    _say("is down: no container, network or process of it is left")


def _empty(home: Path) -> None:
    """Remove the folder, and the lock in it last.

    Without the lock, `down` would take what is left for somebody else's files.
    """
    # Another `down` may have held the lock before and removed the whole folder.
    for entry in home.iterdir() if home.exists() else ():
        if entry.name == _LOCK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    (home / _LOCK).unlink(missing_ok=True)
    # The folder stays if another process still writes to it, because the files are that process's.
    with contextlib.suppress(OSError):
        home.rmdir()


def _check_folder(home: Path) -> None:
    """Check that `down` removes only a rehearsal's files; raise Problem otherwise.

    The folder must be empty or have the marks of a rehearsal.
    """
    is_ours = any((home / name).exists() for name in (_LOCK, "run.json"))
    if home.exists() and not is_ours and any(home.iterdir()):
        raise Problem(f"{home} holds something else, which `down` would remove: name an empty folder, or a new one")


def _start(home: Path, values: dict[str, object]) -> None:
    root = Path(__file__).resolve().parents[2]
    progress = home / "progress.log"
    progress.unlink(missing_ok=True)
    # moto sometimes asks boto3 for a session, which fails if the shell names a profile that does not exist.
    environment_of_server = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rehearsal.server", str(home), json.dumps(values)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=root,
            env={**environment_of_server, "PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"},
        )
    try:
        _follow(home, process, progress)
    except BaseException:
        # The process is ended also when the user interrupts the wait, because half a rehearsal is of no use.
        process.terminate()
        process.wait(STOP_SECONDS)
        raise
    described = _described(home)
    _say(f"is up: API {described['api']}, names at https://NAME.stack.{described['zone']}:{described['https_port']}")
    _say('point commands at it with: eval "$(scripts/rehearsal env)"')


def _follow(home: Path, process: subprocess.Popen[bytes], progress: Path) -> None:
    """Show the server's progress until it is ready.

    Raises Problem if the server ends, or prints nothing for too long.
    """
    began = heard = time.monotonic()
    shown = 0
    while True:
        lines = progress.read_text().splitlines() if progress.exists() else []
        for line in lines[shown:]:
            heard = time.monotonic()
            if line == "ready":
                return
            if line.startswith("failed: "):
                raise Problem(f"cannot start: {line.removeprefix('failed: ')} (see {home / 'server.log'})")
            _say(line)
        shown = len(lines)
        if process.poll() is not None:
            raise Problem(f"the server ended with status {process.returncode}: see {home / 'server.log'}")
        now = time.monotonic()
        if now - began > START_SECONDS or now - heard > SILENCE_SECONDS:
            last = lines[-1] if lines else "its start"
            raise Problem(f"not ready after {now - began:.0f} s; waited for: {last} (see {home / 'server.log'})")
        time.sleep(_POLL)


def _clean(home: Path) -> list[str]:
    """End every server of this folder and remove its Docker objects.

    Returns what could not be removed.
    """
    run = run_state.read_run(home)
    for server in [*([run] if run else []), *run_state.find_servers(home)]:
        run_state.end_process(server, STOP_SECONDS)
    left: list[str] = []
    try:
        for run_id in run_state.find_run_ids(home) | ({run.run_id} if run else set()):
            left += run_state.remove_remains(run_id)
    except docker.errors.DockerException as error:
        if run:
            raise Problem(
                f"no container engine answers, so containers may be left ({error}): start it, and again"
            ) from error
    # The file still exists only if the server could not clean up itself.
    if run and (home / "run.json").exists():
        run_state.restore_inotify_limit(run)
        (home / "run.json").unlink()
    (home / "rehearsal.json").unlink(missing_ok=True)
    return left


def _check_computer() -> None:
    if not sys.platform.startswith("linux"):
        raise Problem("the rehearsal runs on Linux only: its machines are containers with systemd")
    if os.geteuid() != 0:
        raise Problem("needs root, for the packet filters of its machines: run it with sudo")
    for program in _NEEDED:
        if not shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            raise Problem(f"{program} is missing: install the packages util-linux, iproute2 and iptables")
    try:
        client = docker.from_env(timeout=20)
        client.ping()
        client.close()
    except docker.errors.DockerException as error:
        raise Problem("no container engine answers: start Docker, or run scripts/engine, which installs it") from error


def _described(home: Path) -> dict[str, Any]:
    run = run_state.read_run(home)
    try:
        described: dict[str, Any] = json.loads((home / "rehearsal.json").read_text())
    except FileNotFoundError as error:
        raise Problem("the rehearsal is not up: start it with scripts/rehearsal up") from error
    if not run or not run.is_alive():
        raise Problem("the rehearsal's server has died: start it again with scripts/rehearsal up")
    return described


def _ask(home: Path, method: str, path: str, body: Any = None) -> Any:
    described = _described(home)
    url = f"{described['api']}/rehearsal/{path}"
    key = (described["access_key"], described["secret_key"])
    try:
        session = requests.Session()
        session.trust_env = False
        response = session.request(method, url, json=body, auth=key, timeout=30)
        answer = response.json()
    except requests.RequestException as error:
        raise Problem(f"the rehearsal's server does not answer: {error}") from error
    if response.status_code != requests.codes.ok:
        raise Problem(answer["error"])
    return answer


def _publish_packages(home: Path, wanted: list[str]) -> None:
    """Build new package versions into the running rehearsal's repository.

    Raises Problem.
    """
    described = _described(home)
    if "apt_repository_url" not in described:
        raise Problem("this rehearsal has no machines and no package repository")
    pairs = [text.partition("=") for text in wanted]
    if not all(name and version for name, _, version in pairs):
        raise Problem(f"give packages as NAME=VERSION, not {' '.join(wanted)!r}")
    try:
        versions = {name: version for name, _, version in pairs}
        apt_repository.publish(packages.apt_folder(home), packages.gpg_home(home), versions)
    except (InputError, ValueError) as error:
        raise Problem(str(error)) from error
    for name, version in versions.items():
        _say(f"{name} {version} is in {described['apt_repository_url']}")


def _fault(home: Path, options: argparse.Namespace) -> str:
    if options.what == "list":
        return "\n".join(json.dumps(fault) for fault in _ask(home, "GET", "faults"))
    if options.what == "clear":
        _ask(home, "DELETE", "quotas")
        return f"cleared {_ask(home, 'DELETE', 'faults')['cleared']}"
    if options.what == "quota":
        return json.dumps(_ask(home, "POST", "quotas", {n: getattr(options, n) for n in ("service", "code", "value")}))
    names = set(FAULT_OPTIONS)
    given = {name: value for name, value in vars(options).items() if name in names and value not in (None, False)}
    return f"fault {_ask(home, 'POST', 'faults', given)['id']}"


def _say(line: str) -> None:
    print(f"rehearsal: {line}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Run one command; return its exit status."""
    options = parser().parse_args(arguments)
    home = options.home.absolute()
    try:
        if options.command == "up":
            up(home, {name: value for name in UP_OPTIONS if (value := getattr(options, name)) is not None})
        elif options.command == "down":
            down(home)
        elif options.command == "env":
            print(environment.commands(home, _described(home), options.own_settings))
        elif options.command == "status":
            status = _ask(home, "GET", "status")
            print(json.dumps(status, indent=1) if options.json else status_text(status))
        elif options.command == "package":
            _publish_packages(home, options.versions)
        else:
            print(_fault(home, options))
    except Problem as problem:
        _say(str(problem))
        return 1
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    return 0
