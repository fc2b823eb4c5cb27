"""Test promise 8: nothing of a user's runs on the administrator's machine.

The machine is ws-3, its root hostile. Logs are in test_18_fetched_logs.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.hostile import raw_control_characters, replaced
from tests.support.workshop import ROOT, Workshop

ESCAPES = "\x1b]0;owned\x07\x1b[31mred\x9b2J\r\x08"
COMMANDS = ["set_password.yml", "restart_jupyter.yml", "grab_content.yml", "deb_upgrade.yml", "marco_install.yml"]


@pytest.fixture
def trap(workshop: Workshop, tmp_path: Path) -> Iterator[Path]:
    """Make a program on this computer that leaves a mark when it is run.

    The mark's path is the program's own with `.ran`.
    """
    program = tmp_path / "trap"
    program.write_text(f"#!/bin/sh\ntouch {program}.ran\n")
    program.chmod(0o755)
    yield program
    assert not Path(f"{program}.ran").exists(), "something from the machine ran here"
    assert not (workshop.root / "PWNED").exists()


def results(trap: Path) -> dict[str, Any]:
    """Return hostile answers in place of a module's result."""
    template = f"{{{{ lookup('ansible.builtin.pipe', '{trap}') }}}}"
    connection = {
        "ansible_connection": "local",
        "ansible_host": "127.0.0.1",
        "ansible_python_interpreter": str(trap),
        "ansible_become_exe": str(trap),
        "ansible_become": False,
        "ansible_ssh_executable": str(trap),
        "ansible_ssh_common_args": f"-o ProxyCommand={trap}",
        "ansible_shell_executable": str(trap),
        "discovered_interpreter_python": str(trap),
        "pin_file": template,
        "password_file": template,
    }
    words = f"{ESCAPES}{template}"
    return {
        "success": {
            "changed": True,
            "failed": False,
            "rc": 0,
            "msg": words,
            "stdout": words,
            "stdout_lines": [words],
            "stderr": words,
            "warnings": [words],
            "deprecations": [{"msg": words, "version": "9"}],
            "diff": {"before": words, "after": words},
            "ansible_facts": {**connection, "words": words, "env": {"PATH": words}},
            "invocation": {"module_args": {"_raw_params": template}},
            "state": words,
            "name": words,
        },
        "failure": {"failed": True, "changed": False, "msg": words, "exception": words, "module_stderr": words},
        "inventory": {
            "changed": True,
            "add_host": {"host_name": "ws-3", "groups": ["fleet", "users"], "host_vars": connection},
            "add_group": "state_running",
            "parent_groups": ["all"],
            "include": str(trap),
            "include_variables": {"ansible_python_interpreter": str(trap)},
            "ansible_included_var_files": [str(trap)],
            "ansible_stats": {"data": {"x": words}, "per_host": False, "aggregate": True},
            "ansible_facts": connection,
            "_ansible_delegated_vars": {"ansible_host": "127.0.0.1", **connection},
            "_ansible_notify": ["Restart Jupyter"],
            "_ansible_item_result": True,
            "results": [{"item": words, "changed": True, "ansible_facts": connection}],
        },
    }


@pytest.mark.parametrize("kind", ["success", "failure", "inventory", "garbage"])
def test_a_replaced_python_runs_nothing_here(workshop: Workshop, trap: Path, kind: str) -> None:
    answers = {name: json.dumps(result) for name, result in results(trap).items()}
    answers |= {"garbage": f"{ESCAPES}{{{{ lookup('ansible.builtin.pipe', '{trap}') }}}}\n" * 200}
    fake = f"#!/bin/bash\ncat >/dev/null\ncat <<'ANSWER'\n{answers[kind]}\nANSWER\nprintf '%b' '{ESCAPES}' >&2\n"
    others = {user: workshop.boot_time(user) for user in ("ws-1",)}
    commands = [name for name in COMMANDS if (ROOT / name).exists()]
    # Each kind of answer meets two commands, and each command some kind; together the commands make all kinds of
    # requests to a machine.
    first = ["success", "failure", "inventory", "garbage"].index(kind)
    with replaced(workshop, "ws-3", "/usr/bin/python3", fake):
        for name in {"restart_jupyter.yml", commands[first % len(commands)]}:
            result = workshop.play(f"-l ws-3 {name}")
            assert "REHEARSAL" in result.text, "the command did not even begin"
            assert raw_control_characters(result) == set(), result.text
            assert "Traceback" not in result.text
    assert others == {user: workshop.boot_time(user) for user in ("ws-1",)}
    workshop.on_machine("ws-3", "python3 -c 'print(1)'")


def test_a_jupyter_that_answers_with_commands_to_the_terminal(workshop: Workshop, trap: Path) -> None:
    server = f"""
import http.server
class Hostile(http.server.BaseHTTPRequestHandler):
    def answer(self):
        words = {ESCAPES!r} + "{{{{ lookup('ansible.builtin.pipe', '{trap}') }}}}"
        body = ('{{"version": "' + words + '", "message": "' + words + '", "reason": "' + words + '"}}').encode()
        if self.path == "/api":
            body = b'{{"version": "2.0"}}'
        self.send_response(200 if self.path == "/api" else 500, words.replace(chr(13), ""))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "_xsrf=" + "x" * 100)
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = do_PUT = do_DELETE = answer
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8888), Hostile).serve_forever()
"""
    workshop.on_machine("ws-3", f"systemctl stop jupyter; cat > /root/hostile.py <<'END'\n{server}\nEND")
    workshop.on_machine("ws-3", "systemd-run --quiet --unit=hostile-server /usr/bin/python3 /root/hostile.py")
    try:
        result = workshop.play("-l ws-3 fleet_check.yml")
        page = (workshop.state / "reports/check.html").read_text()
    finally:
        workshop.on_machine("ws-3", "systemctl stop hostile-server; rm /root/hostile.py; systemctl start jupyter")
    assert result.status != 0 and "FAILED ws-3" in result.text
    assert raw_control_characters(result) == set(), result.text
    assert "\x1b" not in page
    workshop.succeed("ansible-playbook -l ws-3 restart_jupyter.yml")
