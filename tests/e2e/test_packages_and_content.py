"""New packages and new content on running machines, good and bad."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.inputs import apt_repository, content_archive
from tests.support import manual
from tests.support.content_world import files, member, tar
from tests.support.workshop import OUTPUT, Result, Workshop

THREE = "-l ws-1,ws-2,ws-3"
PACKAGE = "python-cgpm"
IMPORT = "/opt/jupyter/bin/python -c 'import cgpm; print(cgpm.__version__)'"
STARTED = "systemctl show -p ExecMainStartTimestampMonotonic jupyter"
WELCOME = "/home/jupyter/notebook/welcome.ipynb"
EVERYTHING = (
    "cd /home/jupyter && ls -A . .. /tmp && "
    "find notebook gen -type f -not -path '*/.*' -exec sha256sum {} + | sort | sha256sum"
)


@pytest.fixture(scope="module")
def s3(workshop: Workshop) -> Any:
    """Return boto3's client for the rehearsal's S3."""
    return workshop.client("s3")


@pytest.fixture(scope="module")
def place(workshop: Workshop) -> dict[str, str]:
    """Return bucket and key of the file at content_url."""
    bucket, _, key = workshop.facts["content_url"].removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


@pytest.fixture(scope="module", autouse=True)
def first_content_again(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Restore the first content on the three machines and in S3."""
    archive = content_archive.build(tmp_path_factory.mktemp("content") / "content-package.tgz")
    yield
    workshop.succeed(f"ansible-playbook publish_content.yml -e archive={archive}")
    workshop.succeed(f"ansible-playbook {THREE} grab_content.yml")
    workshop.succeed(f"ansible-playbook {THREE} marco_install.yml")


def next_version(workshop: Workshop, package: str) -> str:
    """Return a version of the package newer than the one in the repository."""
    published = apt_repository.published(workshop.home / "files/apt")[package]
    first, _, rest = published.partition(".")
    return f"{first}.{int(rest.partition('.')[0]) + 1}"


def failures(result: Result) -> list[str]:
    """Return the lines that report failures.

    No other line may look like a failure.
    """
    assert result.status != 0, result.text
    assert "Traceback" not in result.text
    return [line for line in result.text.splitlines() if line.startswith(("FAILED", "UNREACHABLE"))]


# The first tests concern packages.


def test_a_new_package_past_a_held_lock_and_a_bad_repository(workshop: Workshop) -> None:
    new = next_version(workshop, PACKAGE)
    workshop.succeed(f"scripts/rehearsal package {PACKAGE}={new}")
    started = [workshop.on_machine(user, STARTED) for user in ("ws-1", "ws-3")]

    # Somebody installs another package on ws-3 meanwhile.
    hold = "import fcntl,time; f=open('/var/lib/dpkg/lock-frontend','w'); fcntl.lockf(f,fcntl.LOCK_EX); time.sleep(900)"
    workshop.on_machine("ws-3", f'systemd-run --unit=holder --collect python3 -c "{hold}"')
    try:
        held = workshop.play(f"{THREE} deb_upgrade.yml -e apt_probcomp_lock_timeout=3")
    finally:
        workshop.on_machine("ws-3", "systemctl stop holder")
    (line,) = failures(held)
    assert line.startswith("FAILED ws-3: ") and "apt_probcomp_lock_timeout" in line, line
    assert re.search(rf"^ws-1, ws-2: .*{PACKAGE} \S+ -> {re.escape(new)}", held.text, re.MULTILINE), held.text
    assert "until their users restart them" in held.text

    # Change the signed file, so that its signature no longer matches.
    release = workshop.home / "files/apt/dists/probcomp/InRelease"
    right = release.read_bytes()
    release.write_bytes(right.replace(b"Suite: probcomp", b"Suite: evilcomp"))
    try:
        (line,) = failures(workshop.play("-l ws-3 deb_upgrade.yml"))
    finally:
        release.write_bytes(right)
    assert line.startswith("FAILED ws-3: ") and workshop.facts["apt_repository_url"] in line, line
    assert new not in workshop.on_machine("ws-3", IMPORT)

    text = workshop.succeed(f"ansible-playbook {THREE} deb_upgrade.yml")
    assert "\nws-1, ws-2: all packages are in their newest version\n" in text
    assert re.search(rf"^ws-3: .*{PACKAGE} \S+ -> {re.escape(new)}", text, re.MULTILINE), text
    assert new in workshop.on_machine("ws-3", IMPORT)
    assert " 0 changed, 0 failed" in workshop.succeed(f"ansible-playbook {THREE} deb_upgrade.yml")
    assert started == [workshop.on_machine(user, STARTED) for user in ("ws-1", "ws-3")], "Jupyter was restarted"


# The next tests concern content.


def test_new_content_is_published_brought_and_installed(workshop: Workshop, tmp_path: Path) -> None:
    archive = content_archive.build(tmp_path / "second.tgz", version="2.0")
    before = workshop.control("counts")["mark"]
    looked = workshop.succeed(f"ansible-playbook publish_content.yml --check -e archive={archive}")
    assert "to be put to s3://" in looked and workshop.control(f"calls?since={before}") == []
    published = workshop.succeed(f"ansible-playbook publish_content.yml -e archive={archive}")
    assert "REHEARSAL" in published and "a machine gets it from s3://" in published
    assert [call["call"] for call in workshop.control(f"calls?since={before}")] == ["s3:PutObject"]
    before = workshop.control("counts")["mark"]
    again = workshop.succeed(f"ansible-playbook publish_content.yml -e archive={archive}")
    assert "already, and machines get it" in again and workshop.control(f"calls?since={before}") == []

    workshop.on_machine("ws-2", f"runuser -u jupyter -- sh -c 'echo mine >> {WELCOME}'")
    grabbed = workshop.succeed(manual.of_class("grab_content.yml"))
    assert re.search(r"^ws-1, ws-3: content \w{12}: .*updated \(.*notebook/welcome.ipynb\)", grabbed, re.MULTILINE), (
        grabbed
    )
    assert re.search(r"^ws-2: .* 1 kept .*\(notebook/welcome.ipynb\)", grabbed, re.MULTILINE), grabbed
    assert "mine" in workshop.on_machine("ws-2", f"tail -n 1 {WELCOME}")
    ran = workshop.succeed(f"ansible-playbook {THREE} marco_install.yml")
    assert re.search(r"^ws-1 to ws-3: gen/install.sh ran for content", ran, re.MULTILINE), ran
    tour = "/opt/jupyter/bin/python -c 'import probcomp_tour; print(probcomp_tour.greeting())'"
    assert "version 2.0" in workshop.on_machine("ws-1", tour)
    for command in ("grab_content.yml", "marco_install.yml"):
        assert " 0 changed, 0 failed" in workshop.succeed(f"ansible-playbook {THREE} {command}")
    forced = workshop.succeed("ansible-playbook -l ws-3 marco_install.yml -e force=yes")
    assert " 1 changed, 0 failed" in forced
    workshop.on_machine("ws-2", f"rm {WELCOME}")  # The next grab restores it: the three are equal again.


def test_an_installer_that_fails_shows_its_last_words(workshop: Workshop) -> None:
    script = "/home/jupyter/gen/install.sh"
    broken = r"printf 'one\\ntwo\\n\\033[31mno space\\033[0m left\\n'; exit 3"
    workshop.on_machine("ws-3", f"cp -p {script} /tmp/kept; printf '#!/bin/sh\\n%s\\n' \"{broken}\" > {script}")
    try:
        result = workshop.play("-l ws-3 marco_install.yml -e force=yes")
    finally:
        workshop.on_machine("ws-3", f"cp -p /tmp/kept {script}; rm /tmp/kept")
    (line,) = failures(result)
    assert "failed with status 3: one / two / no space left" in line and "marco.log" in line


BAD = {
    "page": (b"<!DOCTYPE html><html>Please log in</html>", "HTML page"),
    "half": (files(a="x" * 4000)[:-30], "not a whole tar archive"),
    "parent": (tar(member("notebook/good", b"1"), member("../evil", b"1")), "leads outside"),
    "absolute": (tar(member("notebook/good", b"1"), member("/tmp/evil", b"1")), "absolute name"),
}


def test_bad_content_changes_nothing(workshop: Workshop, s3: Any, place: dict[str, str]) -> None:
    before = workshop.on_machine("ws-3", EVERYTHING)
    kept = s3.get_object(**place)
    body, metadata = kept["Body"].read(), kept["Metadata"]
    rows = {row: (bad, "", words) for row, (bad, words) in BAD.items()}
    nowhere = f"-e content_url={workshop.facts['apt_repository_url']}/nothing.tgz"
    rows["404"] = (body, nowhere, "404 Not Found")
    rows["checksum"] = (body, f"-e content_checksum=sha256:{'0' * 64}", "not the one given")
    try:
        for row, (content, arguments, words) in rows.items():
            s3.put_object(**place, Body=content)
            (line,) = failures(workshop.play(f"-l ws-3 grab_content.yml {arguments}"))
            assert line.startswith("FAILED ws-3: content: ") and words in line, f"{row}: {line}"
    finally:
        s3.put_object(**place, Body=body, Metadata=metadata)
    assert workshop.on_machine("ws-3", EVERYTHING) == before


def test_publishing_refuses_in_one_line_before_any_put(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "bad.tgz").write_bytes(BAD["parent"][0])
    archive = content_archive.build(tmp_path / "third.tgz", version="3.0")
    rows = {
        f"-e archive={tmp_path}/bad.tgz": "archive bad.tgz: the archive has the name '../evil'",
        "": "-e archive=",
        '-e \'{"archive": "{{ 7*7 }}"}\'': "templates are not allowed",
        f"-e archive={archive} -e content_url=s3://nobodys/k": "no bucket nobodys",
        f'-e archive={archive} -e \'{{"account_id": "999999999999"}}\'': "999999999999",
    }
    before = workshop.control("counts")["mark"]
    for arguments, words in rows.items():
        (line,) = failures(workshop.play(f"publish_content.yml {arguments}"))
        assert words in line, line
    assert workshop.control(f"calls?since={before}") == []


def test_publishing_without_the_right(workshop: Workshop, tmp_path: Path) -> None:
    archive = content_archive.build(tmp_path / "third.tgz", version="3.0")
    workshop.succeed("scripts/rehearsal fault add --service s3 --action PutObject --code AccessDenied --status 403")
    try:
        (line,) = failures(workshop.play(f"publish_content.yml -e archive={archive}"))
    finally:
        workshop.succeed("scripts/rehearsal fault clear")
    assert "need s3:PutObject on arn:aws:s3:::" in line


# The last test checks what a user sees.


def test_nobody_is_asked_about_news(workshop: Workshop, tmp_path: Path) -> None:
    with workshop.browser(tmp_path) as browser:
        page = browser.new_page()
        page.goto(workshop.url("ws-2"))
        page.fill("#password_input", workshop.password("ws-2"))
        page.click("#login_submit")
        page.wait_for_url("**/lab**")
        page.wait_for_selector(".jp-Launcher, .jp-NotebookPanel", timeout=90_000)
        # The setting is off where JupyterLab decides it, and no news prompt shows within the time that one would take.
        disabled = page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').text).disabledExtensions")
        page.wait_for_timeout(5_000)
        toasts = page.locator(".Toastify__toast").all_inner_texts()
        page.screenshot(path=str(OUTPUT / "no-news.png"))
    assert "@jupyterlab/apputils-extension:announcements" in disabled
    assert not any("news" in text for text in toasts), toasts
