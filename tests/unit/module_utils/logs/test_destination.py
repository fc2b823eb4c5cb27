"""Sharing logs: only new files are copied, and nothing is deleted.

A destination is a folder behind ssh, or refused.
"""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.logs.destination import SETTINGS, destination_problem

from tests.support.content_world import load_module
from tests.support.log_world import make


@pytest.mark.parametrize(
    "destination", ["lab:logs", "a.b@lab-host.example.org:/srv/lo_gs-1/x", "me@[::1]:~/logs", "h:a"]
)
def test_folders_behind_ssh_are_taken(destination: str) -> None:
    assert destination_problem(destination) is None


@pytest.mark.parametrize(
    "destination",
    [
        *("", None, 7, "/srv/logs", "lab", "lab:", "lab:/", "lab::logs", "rsync://lab/logs", "lab:rsync://x"),
        *("-oProxyCommand=x:/y", "-e x@lab:/y", "lab:-delete", "a@-lab:/y", "lab:/a/../b", "lab:..", "x;y@lab:/z"),
        *("lab:/a b", "lab:$(id)", "lab:`id`", "lab:/a;reboot", "lab:/a\n", "lab:/{{ x }}", "lab:/*", "l\x1b:/x"),
    ],
)
def test_anything_else_is_refused_in_words(destination: object) -> None:
    problem = destination_problem(destination)
    assert problem and problem.isprintable()
    assert SETTINGS["logs_share_ssh_config"]("relative/path") and not SETTINGS["logs_share_ssh_config"]("~/x")


def test_only_what_is_new_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _world, environment = make(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    module = load_module("share_logs")
    logs, there = tmp_path / "it's logs", tmp_path / "lab"
    (logs / "alice" / "a b").mkdir(parents=True)
    (logs / ".incoming").mkdir()
    (logs / ".incoming" / "alice.lock").touch()
    (logs / "alice" / "a b" / "one").write_text("one")
    (logs / "alice" / "a b" / "one").chmod(0o600)
    (logs / "alice" / "link").symlink_to("/etc/passwd")
    share = module.Share("rsync", logs, f"whole:{there}", "", 30)
    nothing = module.Copied(0, 0)
    assert share.copy(dry=True) == module.Copied(1, 3) and not there.exists()
    assert share.copy(dry=False) == module.Copied(1, 3) and share.copy(dry=False) == nothing
    assert {str(path.relative_to(there)) for path in there.rglob("*")} == {"alice", "alice/a b", "alice/a b/one"}
    assert stat.S_IMODE((there / "alice/a b/one").stat().st_mode) == 0o666 & ~0o077, "the other side's umask decides"
    (logs / "alice" / "a b" / "one").unlink()
    (logs / "alice" / "two").write_text("22")
    assert share.copy(dry=False) == module.Copied(1, 2)
    assert (there / "alice/a b/one").exists() and (there / "alice/two").exists()
    for address, words in (("refused", "no ssh connection to refused:"), ("garbage", "rsync ended with status")):
        with pytest.raises(module.ShareFailed, match=words) as caught:
            module.Share("rsync", logs, f"{address}:/x", "", 30).copy(dry=False)
        assert str(caught.value).isprintable() and "unexplained" not in str(caught.value)


@pytest.mark.slow
def test_ten_thousand_files_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _world, environment = make(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    module = load_module("share_logs")
    logs = tmp_path / "logs"
    for user in ("alice", "bob"):
        (logs / user).mkdir(parents=True)
        for number in range(5000):
            (logs / user / f"session-{number}").write_text("x" * (number % 3))
    share = module.Share("rsync", logs, f"whole:{tmp_path}/lab", "", 120)
    everything = module.Copied(10_000, sum(path.stat().st_size for path in logs.rglob("*") if path.is_file()))
    assert share.copy(dry=True) == everything
    assert share.copy(dry=False) == everything
    (logs / "bob" / "session-7").write_text("changed")
    assert share.copy(dry=True) == module.Copied(1, 7)


@pytest.mark.parametrize("text", ["Number of files transferred: 10000", "Number of regular files transferred: 10,000"])
def test_the_words_of_older_rsyncs_are_known(text: str) -> None:
    match = load_module("share_logs").FILES.search(f"Number of files: 3\n{text}\nTotal file size: 1 bytes\n")
    assert match and match[1].replace(",", "") == "10000"
