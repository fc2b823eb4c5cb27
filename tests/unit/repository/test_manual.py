"""The manual: links that lead somewhere, and commands that their programs take.

Nothing is run. The README's first machine and its class are also run, by tests/e2e.
"""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml
from ansible_collections.probcomp.stack.plugins.module_utils.commands import roster

from rehearsal.account.inventories import SETTINGS_FILE
from tests.support import ROOT, manual
from tests.support.door import manual_settings
from tests.support.typed_commands import problems

PAGES = manual.pages()
LINES = 150
"""Lines of the README: what somebody who chooses reads in two minutes."""
WIDTH = 80
"""Columns of a terminal in which no command of README and docs/ wraps."""


@cache
def files() -> set[str]:
    """Return the names of all files that git knows or would add, without folders."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {Path(line).name for line in text.splitlines()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for link in manual.links(page):
        path, _, anchor = link.partition("#")
        if path.startswith("https://"):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in manual.anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_is_one_that_its_program_takes(page: Path) -> None:
    wrong = {command: found for command in manual.commands(page) if (found := problems(command))}
    wrong |= {command: found for command in manual.mentioned(page) if (found := problems(command))}
    assert wrong == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_shell_that_bash_can_read(page: Path) -> None:
    text = "\n".join(block.text for block in manual.blocks(page) if block.language == "sh")
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert {block.language for block in manual.blocks(page)} <= {"sh", "yaml", "csv", "text"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_playbook_and_script_that_is_named_is_there(page: Path) -> None:
    # Files of a user, and of the example of a role.
    known = files() | {SETTINGS_FILE.name, "alice.yml", "NAME.yml"}
    assert [name for name in manual.file_names(page) if Path(name).name not in known] == []


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("ansible-playbook fleet_crate.yml -e user=alice", "no such playbook: fleet_crate.yml"),
        ("ansible-playbook fleet_create.yml --chek -e user=alice", "unrecognized arguments: --chek"),
        ("ansible-playbook fleet_create.yml", "no machine is named"),
        ("ansible-playbook -l ws fleet_create.yml", "takes its names by -e"),
        ("ansible-playbook fleet_check.yml", "say which machines with -l"),
        ("ansible-playbook fleet_create.yml -e 'base=ws low=1 hihg=40'", "did you mean high=?"),
        ("ansible-playbook fleet_create.yml -e user=Alice", "did you mean alice?"),
        ("ansible-playbook -l ws stack_update.yml -e volume_size=50", "would cost the disk"),
        ("ansible-playbook -l ws stack_update.yml -e expires=soon", "a date like"),
        ("ansible-playbook network_delete.yml -e confirm=yes", "say which network"),
        ("cd x && ansible-playbook burn_rate.yml", "no such program: cd"),
        ("cat x | ansible-playbook burn_rat.yml > y", "no such playbook: burn_rat.yml"),
        ("scripts/fleet crate ws 1 40", "no such verb: 'crate'; nearest: create"),
        ("scripts/stack create alice t3.medium colour=red", "no such setting or variable: 'colour'"),
        ("scripts/login -F file alice", "is no option of login"),
        ("scripts/get alice .envrc", "programs here act on it unasked"),
        ("scripts/put alice a.csv b.csv notebook", "several sources need a folder at the end"),
        ("scripts/rehearsal pack python-cgpm=0.3.0", "invalid choice: 'pack'"),
        ("scripts/nothing", "no such program: scripts/nothing"),
        ('eval "$(scripts/rehearsal en)"', "invalid choice: 'en'"),
        ("make tests", "no such target: tests"),
        ("aws acm ask-certificate", "no such command of aws acm: ask-certificate"),
        ("aws ec2 describe-images --owner self", "has no option --owner"),
        ("ansible users -b -m", "expected one argument"),
        (".venv/bin/python -m pytest tests/promises/test_13.py", "no such file: tests/promises/test_13.py"),
    ],
)
def test_a_wrong_command_is_found(command: str, says: str) -> None:
    assert says in "\n".join(problems(command))


def test_the_front_page_is_short_and_its_class_has_twelve_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES
    # .ci/run runs this one.
    assert "`make test`" in text
    assert len(manual.plays(manual.CLASS)) == 12
    assert manual.of_class("fleet_create.yml", 3).endswith('"base=ws low=1 high=3"')


def test_the_front_page_says_what_machines_cost() -> None:
    prices = yaml.safe_load((ROOT / "rehearsal/data/prices.yml").read_text(encoding="utf-8"))
    per_hour = {item["attributes"]["usagetype"]: item["price"] for item in prices["products"]}
    address, disk = per_hour["USE1-PublicIPv4:InUseAddress"], 30 * per_hour["EBS:VolumeUsage.gp3"] / 730
    shared = per_hour["LoadBalancerUsage"] + 2 * address
    small, medium = (prices["instances"]["t3"][size] + disk + address for size in ("small", "medium"))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for cost in (small + shared, 40 * medium + shared):
        assert f"${cost:.2f} an hour" in text


def test_the_index_of_the_manual_has_every_page() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages - set(manual.links(ROOT / "docs/README.md")) == set()


@pytest.mark.parametrize("page", ["README.md", "docs"])
def test_no_command_wraps_in_a_terminal(page: str) -> None:
    wide = [
        line
        for path in PAGES
        if path.relative_to(ROOT).parts[0] == page
        for block in manual.blocks(path)
        if block.language == "sh"
        for line in block.text.splitlines()
        if len(line) > WIDTH
    ]
    assert wide == []


def test_the_first_machine_has_settings_of_the_accounts_page() -> None:
    (text,) = (
        command.split("\n", 1)[1].rsplit("\n", 1)[0]
        for block in manual.section("README.md", manual.FIRST_MACHINE)
        for command in block.commands()
        if command.startswith(f"cat > {SETTINGS_FILE} <<")
    )
    settings = yaml.safe_load(text)
    assert settings and settings.items() <= manual_settings().items()


def test_the_roster_of_the_manual_is_one(tmp_path: Path) -> None:
    (block,) = (block for block in manual.blocks(ROOT / "docs/workshop.md") if block.language == "csv")
    (tmp_path / "people.csv").write_text(block.text)
    found = roster.read_roster(tmp_path / "people.csv")
    assert found.problems == [] and list(found.settings) == ["alice", "ben"]


def test_each_promise_is_linked_to_its_test() -> None:
    tests = sorted(path.name for path in (ROOT / "tests/promises").glob("test_*.py"))
    assert [Path(link).name for link in manual.links(ROOT / "docs/promises.md") if "/promises/" in link] == tests
