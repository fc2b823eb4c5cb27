"""Data that a machine must lose before an image is made of it.

The test plants it in a copy of a file system and searches for it afterwards.
"""

from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.machine import image_cleanup
from ansible_collections.probcomp.stack.plugins.module_utils.machine.image_cleanup import Root

SECRETS = [
    "etc/ssh/ssh_host_ed25519_key",
    "etc/ssh/ssh_host_rsa_key.pub",
    "root/.ssh/authorized_keys",
    "root/.bash_history",
    "home/ubuntu/.ssh/authorized_keys",
    "home/ubuntu/.python_history",
    "home/ubuntu/.aws/credentials",
    "home/gone/.bash_history",
    "srv/carol/.ssh/id_ed25519",
    "home/jupyter/.jupyter/jupyter_server_config.json",
    "home/jupyter/.jupyter/jupyter_server_config.json.damaged",
    "home/jupyter/.local/share/jupyter/runtime/jupyter_cookie_secret",
    "home/jupyter/.local/share/jupyter/notebook_secret",
    "home/jupyter/.ipython/profile_default/history.sqlite",
    "home/jupyter/.iventure_logs/session.log",
    "var/log/journal/0123/system.journal",
    "var/log/auth.log.1",
    "var/log/apt/history.log.1.gz",
    "var/log/probcomp/marco.log",
    "var/log/probcomp/jupyter/2026-11-22.log",
    "var/lib/probcomp/logs/cursor",
    "var/lib/probcomp/logs/.lock",
    "var/lib/cloud/instances/i-1/user-data.txt",
    "var/lib/cloud/seed/authorized_keys",
    "var/lib/systemd/random-seed",
    "var/lib/probcomp/jupyter_restart_pending",
    "tmp/upload",
    "tmp/.hidden",
    "var/tmp/editor.swp",
]
KEPT = [
    "etc/ssh/sshd_config",
    "home/jupyter/notebook/welcome.ipynb",
    "home/jupyter/.bashrc",
    "var/lib/probcomp/content.json",
    "var/lib/probcomp/apt_probcomp",
    "opt/jupyter/bin/python",
    "tmp/ansible_image_clean_payload_x/ansible_image_clean_payload.zip",
]


@pytest.fixture
def root(tmp_path: Path) -> Root:
    for name in [*SECRETS, *KEPT]:
        plant(tmp_path / name)
    plant(tmp_path / "var/log/auth.log")
    (tmp_path / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    plant(tmp_path / "var/lib/dbus/machine-id")
    (tmp_path / "etc/passwd").write_text(
        "root:x:0:0::/root:/bin/bash\nubuntu:x:1000:1000::/home/ubuntu:/bin/bash\n"
        "carol:x:1002:1002::/srv/carol:/bin/bash\nnobody:x:65534:65534::/nonexistent:/bin/false\n"
    )
    return Root(tmp_path)


def plant(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("canary\n")


def test_nothing_secret_stays_and_what_was_installed_does(root: Root) -> None:
    assert root.left(), "the search finds what is planted"
    removed = root.clean()
    assert root.left() == []
    assert [name for name in SECRETS if (root.path / name).exists()] == []
    assert [name for name in KEPT if not (root.path / name).exists()] == []
    assert set(removed) == {*image_cleanup.FROM_HOMES, *image_cleanup.FROM_SYSTEM} - {
        "caches",
        "package lists",
    }


def test_logs_that_are_open_keep_their_place_and_are_empty(root: Root) -> None:
    root.clean()
    assert (root.path / "var/log/auth.log").read_bytes() == b""


def test_a_machine_made_of_it_makes_an_id_of_its_own(root: Root) -> None:
    root.clean()
    assert (root.path / "etc/machine-id").read_bytes() == b""
    assert (root.path / "var/lib/dbus/machine-id").readlink() == Path("/etc/machine-id")
    assert (root.path / "etc/hostname").read_text() == "localhost\n"


def test_a_link_in_a_home_does_not_lead_the_removal_elsewhere(root: Root, tmp_path: Path) -> None:
    elsewhere = tmp_path / "usr/share/jupyter"
    plant(elsewhere / "runtime/important")
    share = root.path / "home/jupyter/.local/share"
    for path in sorted(share.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    share.rmdir()
    share.symlink_to(tmp_path / "usr/share")
    (root.path / "home/mallory").symlink_to(tmp_path / "usr")
    root.clean()
    assert (elsewhere / "runtime/important").exists()


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("etc/ssh/ssh_host_rsa_key", "etc/ssh/ssh_host_rsa_key"),
        ("home/new/.ssh/authorized_keys", "home/new/.ssh"),
        ("var/log/new.log", "var/log/new.log"),
        ("var/lib/probcomp/logs/cursor", "var/lib/probcomp/logs"),
    ],
)
def test_what_comes_back_is_seen(root: Root, name: str, seen: str) -> None:
    root.clean()
    plant(root.path / name)
    assert len(root.left()) == 1 and root.left()[0].endswith(f"/{seen}")
