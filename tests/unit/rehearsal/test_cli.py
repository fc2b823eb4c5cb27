"""The command `scripts/rehearsal` without containers, and its files on disk."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
import yaml

from rehearsal import run_state
from rehearsal.api import faults
from rehearsal.cli import commands, environment
from rehearsal.cli.status_text import status_text
from rehearsal.machines import console
from rehearsal.run_state import Run
from rehearsal.settings import Settings
from tests.support import ROOT


def command(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / "rehearsal", "--home", home, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHON": sys.executable, **environment},
    )


def pretend_up(home: Path) -> None:
    """Write the files of a running server, with this process as the server."""
    home.mkdir(parents=True)
    run_state.write_run(home, Run("abc", os.getpid(), run_state.start_ticks(os.getpid())))
    described = {"api": "http://127.0.0.1:4", "region": "us-east-1", "zone": "localhost", "https_port": 5}
    described |= {"access_key": "AKIAX", "secret_key": "s", "object_store": "http://192.0.2.1:5"}
    run_state.write_json(home / "rehearsal.json", described)


@pytest.mark.parametrize("arguments", [("env",), ("status",), ("fault", "list")])
def test_what_needs_a_running_rehearsal_says_so_in_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = command(tmp_path / "home", *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "rehearsal: the rehearsal is not up: start it with scripts/rehearsal up\n"


def test_a_server_that_died_is_told_from_one_that_runs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    pretend_up(home)
    run = run_state.read_run(home)
    assert run and run.is_alive()
    # The same process id with another start time is another process.
    run_state.write_run(home, Run("abc", run.pid, run.started - 1))
    done = command(home, "env")
    assert done.returncode == 1
    assert "has died" in done.stderr


def test_env_survives_eval_and_hides_real_accounts(tmp_path: Path) -> None:
    home = tmp_path / "it's $(touch pwned) a `home`"
    pretend_up(home)
    real = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "t",
        "AWS_ENDPOINT_URL_S3": "https://example.org",
        "AWS_CA_BUNDLE": "/x",
    }
    lines = command(home, "env", **real).stdout
    python = f"{shlex.quote(sys.executable)} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    script = f"cd {shlex.quote(str(tmp_path))}; {lines}\n{python}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env={**os.environ, **real}, check=True
    )
    seen = json.loads(done.stdout)
    assert not (set(real) - {"AWS_ENDPOINT_URL_S3"}) & set(seen)
    assert seen["AWS_ENDPOINT_URL_S3"] == "http://192.0.2.1:5"
    assert seen["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4"
    assert seen["AWS_CONFIG_FILE"] == "/dev/null"
    assert seen["PROBCOMP_REHEARSAL"] == str(home / "rehearsal.json")
    assert {"127.0.0.1", "192.0.2.1"} <= set(seen["NO_PROXY"].split(","))
    assert not (tmp_path / "pwned").exists()


def test_a_profile_in_a_file_leads_to_it_whatever_else_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile in a file has precedence over any other setting.

    Molecule's scenarios know the file's path before there is an address, and empty what else boto3 would read.
    """
    file = tmp_path / "aws_config"
    described = {"api": "http://127.0.0.1:4", "region": "us-east-1", "access_key": "AKIAX", "secret_key": "s"}
    described["object_store"] = "http://192.0.2.1:5"
    file.write_text(environment.aws_config(described))
    scenarios = yaml.safe_load((ROOT / ".config/molecule/config.yml").read_text())
    for name, value in scenarios["ansible"]["env"].items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    session = boto3.Session()
    credentials = session.get_credentials()
    assert credentials and credentials.access_key == "AKIAX" and not credentials.token
    assert session.client("cloudformation").meta.endpoint_url == "http://127.0.0.1:4"
    assert session.client("s3").meta.endpoint_url == "http://192.0.2.1:5"


def test_the_status_is_a_table() -> None:
    text = status_text(
        {
            "machines": [
                {
                    "name": "bob/instance",
                    "id": "i-2",
                    "state": "stopped",
                    "type": "t3.small",
                    "address": "",
                    "memory": 0,
                },
                {
                    "name": "alice/instance",
                    "id": "i-1",
                    "state": "running",
                    "type": "t3.medium",
                    "address": "127.5.6.7",
                    "memory": 12 * 2**20,
                },
            ],
            "counts": {"reads": 7, "changes": 3, "peak_per_second": 4, "throttled": {"route53:GetChange": 2}},
            "memory": {"server": 2**27, "server_peak": 2**28, "machines": 2**24, "machines_peak": 2**25},
        }
    ).splitlines()
    assert text[1].split() == ["alice/instance", "i-1", "running", "t3.medium", "127.5.6.7", "12", "MiB"]
    assert text[2].split() == ["bob/instance", "i-2", "stopped", "t3.small", "-", "0", "MiB"]
    assert text[3] == "requests: 7 read, 3 changing, 2 throttled; at most 4 in a second"
    assert text[4] == "memory: server 128 MiB (peak 256 MiB), machines 16 MiB (peak 32 MiB)"


def test_files_of_the_run_are_for_their_owner(tmp_path: Path) -> None:
    run_state.write_json(tmp_path / "rehearsal.json", {})
    assert (tmp_path / "rehearsal.json").stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["rehearsal.json"]


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_folder_of_somebody_elses_is_left_alone(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("ten years")
    assert commands.main(["--home", str(tmp_path), command]) != 0
    assert str(tmp_path) in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_process_that_has_ended_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run = Run("abc", process.pid, run_state.start_ticks(process.pid))
    assert run.is_alive()
    assert run_state.end_process(run, 10)
    assert not run.is_alive(), "a process that nobody has waited for yet is gone all the same"
    process.communicate()


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(KeyError):
        Settings().update({"colour": "red"})


def test_the_console_is_text_of_64_kib_at_most() -> None:
    boot = b"\x1b[0;32m  OK  \x1b[0m Started \x1b]0;title\x07ssh.\r\n\x00\x08caf\xc3\xa9\n"
    assert console.readable(boot) == "  OK   Started ssh.\r\ncafé\n"
    long = console.readable(b"first\n" + "ü".encode() * 70_000 + b"\nlast\n")
    assert len(long.encode()) <= console.CONSOLE_BYTES
    assert long.endswith("\nlast\n")
    assert "first" not in long


@pytest.mark.parametrize(
    ("last_words", "reboots"),
    [
        (b"Sending SIGKILL to remaining processes...\r\nRebooting.\r\nExiting container.\r\n", True),
        (b"Sending SIGKILL to remaining processes...\r\nPowering off.\r\nExiting container.\r\n", False),
        (b"Rebooting.\r\n" + b"up again\r\n" * 9 + b"Powering off.\r\nExiting container.\r\n", False),
        (b"", False),
    ],
)
def test_a_reboot_is_told_from_a_power_off(last_words: bytes, reboots: bool) -> None:
    assert console.asked_for_reboot(last_words) is reboots


def test_faults_of_resources_and_machines_hit_what_they_name() -> None:
    faults.clear()
    try:
        faults.add({"kind": "resource", "match": "ws-2", "logical_id": "Instance", "message": "no luck", "times": 1})
        faults.add({"kind": "machine", "effect": "no-console", "match": "bob/"})
        assert faults.resource_fault("probcomp-stack-ws-1", "Instance") is None
        assert faults.resource_fault("probcomp-stack-ws-2", "TargetGroup") is None
        assert faults.resource_fault("probcomp-stack-ws-2", "Instance") == "no luck"
        assert faults.resource_fault("probcomp-stack-ws-2", "Instance") is None
        assert faults.machine_fault("no-console", "i-1", "bob/instance shared")
        assert not faults.machine_fault("no-console", "i-2", "alice/instance shared")
        assert not faults.machine_fault("no-boot", "i-1", "bob/instance shared")
    finally:
        faults.clear()
