"""The script that archives a home on a machine, and its exit statuses.

The script belongs to the machine's user, who may be root there: she can only spoil her own home's archive.
"""

from __future__ import annotations

import shlex

NO_HOME = 44
"""Exit status when it is proved that there is no home."""
NO_SUDO = 45
NOT_WHOLE = 46
"""Exit status for a home that cannot be saved whole.

The home is there, or may be; the reason is on the error stream.
"""

# A home is absent if stat says so and no account has it. Anything else (a link to nothing, a disk that does not answer,
# a disk that was not mounted) means that there may be one. What is mounted below it is not in the archive. Jupyter is
# stopped first, so that nothing is written between here and the deletion, and started again where the save fails.
_SCRIPT = r"""
set -u
home=$1 service=$2 stopped=
fail() { printf '%s\n' "$*" >&2; exit 46; }
if ! found=$(LC_ALL=C stat -c %F -- "$home" 2>&1); then
  case $found in
    *'No such file or directory') ;;
    *) fail "$found" ;;
  esac
  getent passwd | cut -d : -f 6 | grep -Fxq -- "$home" || exit 44
  fail "$home is not there, but an account has it for its home"
fi
[ -d "$home" ] || fail "$home is a $found that leads to no folder"
real=$(readlink -f -- "$home") || fail "$home cannot be resolved"
begin=$(printf '%s/' "$real" | sed 's/ /\\040/g')
below=$(BEGIN=$begin awk 'index($5, ENVIRON["BEGIN"]) == 1 {print $5}' /proc/self/mountinfo) \
  || fail "what is mounted below $home cannot be told"
[ -z "$below" ] || fail "other disks are mounted below $home and would not be saved:" $below
if [ -n "$service" ] && systemctl is-active --quiet "$service"; then
  systemctl stop "$service" || fail "$service cannot be stopped"
  stopped=yes
fi
tar --one-file-system --numeric-owner --format=gnu -C "$home" -czf - .
status=$?
[ "$status" -le 1 ] || [ -z "$stopped" ] || systemctl start --no-block "$service"
exit "$status"
"""


def archive_command(home: str, service: str) -> str:
    """Return the shell command that writes the archive of `home` to stdout.

    `service` is the unit that is stopped first, "" for none.
    """
    # A failed sudo must not look like a missing home.
    words = ("sudo", "-n", "sh", "-c", _SCRIPT, "sh", home, service)
    return f"sudo -n true || exit {NO_SUDO}; exec {shlex.join(words)}"
