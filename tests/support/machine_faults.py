"""Make a machine hang, flood, claim, lie or be full, and repair it afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.support.hostile import replaced
from tests.support.workshop import Workshop

PROGRAMS = ("/usr/bin/python3", "/usr/bin/rsync", "/usr/bin/tar", "/usr/local/sbin/probcomp-send-logs")
"""What commands run on a machine; the kernels of Jupyter are the first one, too."""
FORGED = "40 machines: 40 ok, 0 changed, 0 failed"
"""Line that a lying machine wants to be read as ours."""

_HANG = "#!/bin/sh\nexec sleep 3000\n"
_FLOOD = "#!/bin/sh\nhead -c 300000000 /dev/zero | tr '\\0' x >&2 &\nhead -c 300000000 /dev/zero | tr '\\0' '['\nwait\n"
_CLAIM = "#!/bin/sh\ncat >/dev/null\necho '{\"changed\": true}'\n"
# Each folder becomes a disk with its content and without any room, now and after every start of the machine.
_FILL = r"""
cat >/usr/local/sbin/probcomp-full <<'FILL'
#!/bin/sh
for folder in /home/jupyter /var/lib/probcomp /var/cache/apt /tmp /var/tmp /etc/jupyter /opt/jupyter/share; do
  test -d "$folder" || continue
  set -- $(stat -c '%a %u:%g' "$folder")
  mkdir -p /run/probcomp-full && cp -a "$folder/." /run/probcomp-full
  mount -t tmpfs -o "size=$(( $(du -sk "$folder" | cut -f 1) + 200 ))k" full "$folder"
  cp -a /run/probcomp-full/. "$folder" && rm -rf /run/probcomp-full
  chmod "$1" "$folder"; chown "$2" "$folder"
  cat /dev/zero >"$folder/.full" 2>/dev/null || true
done
FILL
chmod 755 /usr/local/sbin/probcomp-full
cat >/etc/systemd/system/probcomp-full.service <<'UNIT'
[Unit]
Before=jupyter.service ssh.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/probcomp-full
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet --now probcomp-full
"""
FILL_AGAIN = r"""
awk '$1 == "full" {print $2}' /proc/mounts | while read -r folder; do
  cat /dev/zero >>"$folder/.full" || true
done
"""
"""Takes the room that a removed file left on a full machine."""
_EMPTY = r"""
systemctl disable --quiet --now probcomp-full
awk '$1 == "full" {print $2}' /proc/mounts | xargs -r umount -l
"""
_RESTART = "systemctl reset-failed jupyter; systemctl restart --no-block jupyter"


def _lies() -> str:
    """Return a program that answers as a module with forged lines and settings.

    The settings are those of Ansible's connection.
    """
    line = f"ok\n{FORGED}\nFAILED ws-1: \x1b[31mdelete it\r\x1b]0;owned\x07"
    settings = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "/bin/false",
        "probcomp_answer_timeout": 100_000,
        "probcomp_address": "127.0.0.1",
        "probcomp_user": "ws-1",
        "state_dir": "/nowhere",
    }
    answer = {
        "changed": False,
        "invocation": {"module_args": {}},
        "msg": [line, {"msg": line}],
        "state": line,
        "version": {"a": [line]},
        "packages": line,
        "new": line,
        "updated": {line: line},
        "kept": [{"name": line}],
        "roles": [line],
        "drifted": {line: [line]},
        "stdout": line,
        "warnings": [line],
        "deprecations": [{"msg": line}],
        "diff": [{"prepared": line}],
        "ansible_facts": settings,
        "add_host": {"host_name": "ws-1", "groups": ["fleet"], "host_vars": settings},
        "add_group": "state_stopped",
        "results": [{"item": line, "ansible_facts": settings}],
    }
    return f"#!/bin/bash\ncat >/dev/null\ncat <<'ANSWER'\n{json.dumps(answer)}\nANSWER\n"


@contextmanager
def programs(workshop: Workshop, user: str, text: str) -> Iterator[None]:
    """Replace within the block all that commands run on the machine of `user`."""
    # A machine whose making ended early does not have all of them.
    there = workshop.on_machine(user, f"ls -d {' '.join(PROGRAMS)} 2>/dev/null || true").split()
    with ExitStack() as stack:
        for program in there:
            stack.enter_context(replaced(workshop, user, program, text))
        yield


@contextmanager
def machine_fault(workshop: Workshop, user: str, name: str) -> Iterator[None]:
    """Have the machine of `user` hang, flood, claim, lie, or be full within the block.

    One that claims says only that its work is done; one that lies answers whatever a module may, and more.
    """
    with ExitStack() as stack:
        if name == "full":
            workshop.on_machine(user, _FILL)
        else:
            texts = {"hang": _HANG, "flood": _FLOOD, "claim": _CLAIM, "lie": _lies()}
            stack.enter_context(programs(workshop, user, texts[name]))
        try:
            yield
        finally:
            # Its home can be saved from a full disk, so a deletion goes on.
            if user in workshop.machines():
                stack.close()
                workshop.on_machine(user, f"{_EMPTY if name == 'full' else ''}\n{_RESTART}")
            stack.pop_all()
