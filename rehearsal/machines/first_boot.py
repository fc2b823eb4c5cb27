"""Prepare a machine's first boot, as cloud-init does it.

It sets host keys, administrator, user data and console messages. As cloud-init does, it replaces the image's host keys
and adds to its authorized keys. It cleans nothing else: whoever makes an image of a machine has to. An image that has
cloud-init boots by it, and gets the same from a seed (NoCloud).
"""

import io
import json
import tarfile
import time
from dataclasses import dataclass

_SCRIPT = r"""#!/bin/sh
# Makes this machine one of a kind. Runs once, before sshd starts.
set -eu
admin=$(cat /var/lib/cloud/seed/admin)
rm -f /etc/ssh/ssh_host_*
for type in rsa dsa ecdsa ed25519; do
    # Like cloud-init's, this makes every type that the system's OpenSSH has; newer ones have no DSA.
    ssh-keygen -q -t "$type" -N '' -f "/etc/ssh/ssh_host_${type}_key" 2>/dev/null || true
done

id "$admin" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --groups adm,sudo "$admin"
printf '%s ALL=(ALL) NOPASSWD:ALL\n' "$admin" >/etc/sudoers.d/90-cloud-init-users
chmod 0440 /etc/sudoers.d/90-cloud-init-users
home=$(getent passwd "$admin" | cut -d: -f6)
install -d -m 0700 -o "$admin" -g "$admin" "$home/.ssh"
touch "$home/.ssh/authorized_keys"
while IFS= read -r key; do
    grep -qxF "$key" "$home/.ssh/authorized_keys" || printf '%s\n' "$key" >>"$home/.ssh/authorized_keys"
done </var/lib/cloud/seed/authorized_keys
chown "$admin:$admin" "$home/.ssh/authorized_keys"
chmod 0600 "$home/.ssh/authorized_keys"

# Each block in one write, or the boot's other messages come in between.
fingerprints=$(for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$key"; done)
now=$(date '+%b %e %T')
rule=$(printf '#%.0s' $(seq 61))
block=$(printf '%s\n' "$rule" '-----BEGIN SSH HOST KEY FINGERPRINTS-----' "$fingerprints" \
    '-----END SSH HOST KEY FINGERPRINTS-----' "$rule" | sed "s/^/<14>$now cloud-init: /")
keys=$(grep -hv '^ssh-dss ' /etc/ssh/ssh_host_*_key.pub)
printf '%s\n' "$block" >/dev/console
printf '%s\n' "-----BEGIN SSH HOST KEY KEYS-----
$keys
-----END SSH HOST KEY KEYS-----" >/dev/console
mkdir -p /var/lib/cloud/instance
touch /var/lib/cloud/instance/boot-finished "$1"
"""

_OWN_FILES_SCRIPT = r"""#!/bin/sh
# Runs at each boot. The engine mounts files of its own over these two, and writes them anew at each start: a machine
# has them on its disk.
set -eu
for file in hostname hosts; do
    text=$(cat "/etc/$file")
    umount "/etc/$file"
    [ -e "$1" ] || printf '%s\n' "$text" >"/etc/$file"
done
hostname --file /etc/hostname
"""

_UNIT = """[Unit]
Description=First boot of {instance_id}
DefaultDependencies=no
After=local-fs.target systemd-sysusers.service rehearsal-own-files.service
Before=ssh-host-keys.service ssh.service ssh.socket
Wants=local-fs.target
ConditionPathExists=!{mark}
ConditionPathExists=!/usr/bin/cloud-init

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/rehearsal/first-boot {mark}

[Install]
WantedBy=multi-user.target
"""

_OWN_FILES_UNIT = """[Unit]
Description=Name of this machine, as on its disk
DefaultDependencies=no
After=local-fs.target
Before=cloud-init-local.service ssh.service ssh.socket

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/rehearsal/own-files {mark}

[Install]
WantedBy=multi-user.target
"""

_USER_DATA_UNIT = """[Unit]
Description=User data of {instance_id}
After=rehearsal-first-boot.service ssh.service network.target
ConditionPathExists=!{mark}.user-data
ConditionPathExists=!/usr/bin/cloud-init

[Service]
Type=oneshot
ExecStartPre=/usr/bin/touch {mark}.user-data
ExecStart=/var/lib/cloud/seed/nocloud/user-data
StandardOutput=tty
TTYPath=/dev/console

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Seed:
    """The data in which one machine differs from the next."""

    instance_id: str
    admin: str
    authorized_keys: str
    user_data: bytes


def archive(seed: Seed, hostname: str) -> bytes:
    """Return a tar archive for the root of the machine's file system.

    It must be unpacked there before the machine's first start.
    """
    mark = f"/var/lib/cloud/instances/{seed.instance_id}"
    words = {"instance_id": seed.instance_id, "mark": mark}
    with io.BytesIO() as out:
        with tarfile.open(fileobj=out, mode="w") as tar:
            _folder(tar, "var/lib/cloud/instances")
            _file(tar, "var/lib/cloud/seed/admin", f"{seed.admin}\n", 0o644)
            _file(tar, "var/lib/cloud/seed/authorized_keys", seed.authorized_keys, 0o600)
            _file(tar, "usr/local/lib/rehearsal/first-boot", _SCRIPT, 0o755)
            _file(tar, "usr/local/lib/rehearsal/own-files", _OWN_FILES_SCRIPT, 0o755)
            _unit(tar, "rehearsal-own-files.service", _OWN_FILES_UNIT.format(**words))
            _unit(tar, "rehearsal-first-boot.service", _UNIT.format(**words))
            _file(tar, "var/lib/cloud/seed/nocloud/meta-data", _metadata(seed, hostname), 0o600)
            _file(tar, "var/lib/cloud/seed/nocloud/user-data", seed.user_data or "#cloud-config\n{}\n", 0o700)
            _file(tar, "etc/cloud/cloud.cfg.d/90_rehearsal.cfg", _cloud_settings(seed), 0o644)
            if seed.user_data.startswith(b"#!"):
                _unit(tar, "rehearsal-user-data.service", _USER_DATA_UNIT.format(**words))
        return out.getvalue()


def _metadata(seed: Seed, hostname: str) -> str:
    """Return the answer of EC2's metadata service, for cloud-init's source NoCloud.

    It is JSON, which is also YAML.
    """
    keys = {f"key-{number}": line for number, line in enumerate(seed.authorized_keys.splitlines())}
    return json.dumps({"instance-id": seed.instance_id, "local-hostname": hostname, "public-keys": keys})


def _cloud_settings(seed: Seed) -> str:
    """Return cloud-init's settings for a container, whose network the engine makes."""
    admin = {"default_user": {"name": seed.admin}}
    return json.dumps({"datasource_list": ["NoCloud"], "network": {"config": "disabled"}, "system_info": admin})


def _unit(tar: tarfile.TarFile, name: str, text: str) -> None:
    _file(tar, f"etc/systemd/system/{name}", text, 0o644)
    link = tarfile.TarInfo(f"etc/systemd/system/multi-user.target.wants/{name}")
    link.type = tarfile.SYMTYPE
    link.linkname = f"/etc/systemd/system/{name}"
    tar.addfile(link)


def _folder(tar: tarfile.TarFile, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.DIRTYPE
    entry.mode = 0o755
    tar.addfile(entry)


def _file(tar: tarfile.TarFile, name: str, content: str | bytes, mode: int) -> None:
    data = content.encode() if isinstance(content, str) else content
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = mode
    entry.mtime = int(time.time())
    tar.addfile(entry, io.BytesIO(data))
