"""Test promise 10: a second run changes nothing.

It reports changed=0, and makes no API call that could change anything.
"""

from __future__ import annotations

import re

import pytest

from tests.support.living import calls_since, mark
from tests.support.workshop import Workshop

FLEET = '-e "base=ws low=1 high=3"'
# These commands can be repeated unchanged; those that delete, bake and publish have tests of their own.
COMMANDS = [
    "-l ws set_password.yml",
    "-l ws deb_upgrade.yml",
    "-l ws grab_content.yml",
    "-l ws marco_install.yml",
    "-l ws fetch_logs.yml",
    "-l ws stack_start.yml",
    "-l ws stack_update.yml -e instance=t3.medium",
    f"url_cards.yml {FLEET}",
    "stack_list.yml",
]
# The demo has run these before: it makes pass phrases and machines, and has a test of its own.
DONE = [command for command in COMMANDS if not re.match("url_cards|stack_list|.*fetch_logs", command)]


def state(workshop: Workshop) -> list[tuple[str, str, int]]:
    """Return each machine's boot time and the inode of its pinned keys' file.

    A file written anew has another inode.
    """
    return [
        (user, workshop.boot_time(user), (workshop.state / "known_hosts" / user).stat().st_ino)
        for user in workshop.machines()
    ]


def test_the_whole_demo_again(workshop: Workshop) -> None:
    since, before = mark(workshop), state(workshop)
    again = workshop.shell("scripts/demo", timeout=900, rehearsed=False)
    assert again.status == 0, again.text
    assert "\nnothing was changed\n" in again.text, "the pass phrases"
    assert again.text.count("3 machines: 3 ok, 0 changed, 0 failed") == 1, again.text
    assert calls_since(workshop, since) == []
    assert state(workshop) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_again(workshop: Workshop, command: str) -> None:
    if command not in DONE:
        workshop.succeed(f"ansible-playbook {command}")
    since = mark(workshop)
    before = state(workshop)
    text = workshop.succeed(f"ansible-playbook {command}")
    assert calls_since(workshop, since) == []
    last = text.splitlines()[-1]
    assert " 0 changed, 0 failed" in last or last == "nothing was changed" or "(nothing new)" in text, text
    assert state(workshop) == before


# These are changes by hand, by the role whose work each spoils. One run has to put all of it right.
CHANGED_BY_HAND = {
    "host_identity": """hostname other; echo other >/etc/hostname; rm /etc/cloud/cloud.cfg.d/99_probcomp.cfg
        sed '/^127.0.1.1/d' /etc/hosts >/tmp/hosts; cat /tmp/hosts >/etc/hosts""",
    "apt_probcomp": """dpkg --remove --force-depends python-pytest
        echo 'Enabled: no' >>/etc/apt/sources.list.d/probcomp.sources""",
    "jupyter": """echo MemoryMax=1G >>/etc/systemd/system/jupyter.service
        echo '{}' >/etc/jupyter/labconfig/page_config.d/probcomp.json; rm /etc/profile.d/jupyter.sh
        echo >>/usr/local/lib/probcomp-stack/jupyter/probcomp_jupyter_login.py
        chmod 600 /etc/needrestart/conf.d/probcomp.conf; rm /opt/jupyter/bin/python
        sed -i 's|^jupyter:.*|&.other|' /etc/passwd""",
    "content": "rm /home/jupyter/notebook/welcome.ipynb",
    "marco": "rm /var/lib/probcomp/content_install.json",
    "logs": "chmod 700 /usr/local/sbin/probcomp-send-logs; echo exit >>/usr/local/sbin/probcomp-send-logs",
    "jupyter_password": "systemctl disable jupyter; chmod 644 /home/jupyter/.jupyter/jupyter_server_config.json",
}
AS_IT_IS = r"""
hostname; cat /etc/hostname /etc/hosts; getent passwd jupyter; systemctl is-enabled jupyter; systemctl is-active jupyter
dpkg-query -W -f '${Package} ${db:Status-Status}\n' python-pytest python3-venv rsync; test -x /opt/jupyter/bin/python
for file in /etc/cloud/cloud.cfg.d/99_probcomp.cfg /etc/apt/sources.list.d/probcomp.sources \
    /etc/systemd/system/jupyter.service /etc/profile.d/jupyter.sh \
    /usr/local/lib/probcomp-stack/jupyter/probcomp_jupyter_login.py \
    /etc/jupyter/labconfig/page_config.d/probcomp.json /etc/needrestart/conf.d/probcomp.conf \
    /usr/local/sbin/probcomp-send-logs /home/jupyter/notebook/welcome.ipynb /var/lib/probcomp/content_install.json; do
  stat -c '%n %a %U' "$file"; sha256sum <"$file"
done
stat -c '%n %a %U' /home/jupyter/.jupyter/jupyter_server_config.json
"""


def test_what_was_changed_by_hand_is_put_right(workshop: Workshop) -> None:
    before = workshop.on_machine("ws-2", AS_IT_IS)
    for script in CHANGED_BY_HAND.values():
        workshop.on_machine("ws-2", script)
    text = workshop.succeed("ansible-playbook fleet_create.yml -e user=ws-2 -v")
    for role in CHANGED_BY_HAND:
        assert re.search(rf"^        {role}:$", text, re.MULTILINE), f"{role}\n{text}"
    assert workshop.on_machine("ws-2", AS_IT_IS) == before
    again = workshop.succeed("ansible-playbook fleet_create.yml -e user=ws-2")
    assert "1 machine: 1 ok, 0 changed, 0 failed" in again, again
