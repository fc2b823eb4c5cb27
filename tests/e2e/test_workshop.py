"""The life of a workshop, in an administrator's order.

Each test continues where the last ended.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.support import manual
from tests.support.workshop import OUTPUT, Workshop


def plain(value: Any) -> Any:
    """Return `value` of ansible-inventory --list without core's trust marks.

    Core puts them around text from outside.
    """
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if "__ansible_unsafe" in value else {k: plain(v) for k, v in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list) else value


def test_demo_ends_with_three_urls_and_passwords(workshop: Workshop) -> None:
    last = workshop.transcript("demo").read_text().splitlines()[-3:]
    assert [line.split()[0] for line in last] == [workshop.url(f"ws-{n}") for n in (1, 2, 3)]
    assert [line.split(maxsplit=1)[1].strip() for line in last] == [workshop.password(f"ws-{n}") for n in (1, 2, 3)]


def test_browser_logs_in_and_runs_a_notebook(workshop: Workshop, tmp_path: Path) -> None:
    with workshop.browser(tmp_path) as browser:
        page = browser.new_page()
        page.goto(workshop.url("ws-1"))
        page.fill("#password_input", workshop.password("ws-2"))
        page.click("#login_submit")
        page.wait_for_load_state("domcontentloaded")
        assert "/login" in page.url, "the password of ws-2 opened ws-1"
        page.fill("#password_input", workshop.password("ws-1"))
        page.click("#login_submit")
        page.wait_for_url("**/lab**")
        page.goto(workshop.url("ws-1", "/lab/tree/welcome.ipynb"))
        page.wait_for_selector(".jp-NotebookPanel-notebook", timeout=90_000)
        page.wait_for_selector("text='Python 3 (ipykernel) | Idle'", timeout=90_000)
        page.click(".lm-MenuBar-itemLabel:text-is('Run')")
        page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
        page.wait_for_selector(".jp-OutputArea-output:has-text('The tour')", timeout=90_000)
        outputs = page.locator(".jp-OutputArea-output").all_inner_texts()
        page.screenshot(path=str(OUTPUT / "notebook.png"))
    assert "2" in [text.strip() for text in outputs], outputs
    assert any("bayeslite" in text for text in outputs), outputs
    assert not any("Error" in text for text in outputs), outputs


def test_fleet_grows_and_leaves_the_rest_untouched(workshop: Workshop) -> None:
    first = ["ws-1", "ws-2", "ws-3"]
    before = {user: (workshop.machines()[user]["InstanceId"], workshop.boot_time(user)) for user in first}
    refused = workshop.shell(manual.of_class("fleet_create.yml", 4))
    assert refused.status != 0, "without pass phrases"
    assert re.search(r"ws-4.*create_passwords\.yml", refused.text)
    assert sorted(workshop.machines()) == first, "refused before any change"
    workshop.succeed(manual.of_class("create_passwords.yml", 4))
    planned = workshop.succeed(manual.of_class("fleet_plan.yml", 4))
    assert re.search(r"^ws-4 .* new$", planned, re.MULTILINE), planned
    grown = workshop.succeed(manual.of_class("fleet_create.yml", 4))
    assert sorted(workshop.machines()) == [*first, "ws-4"]
    assert before == {user: (workshop.machines()[user]["InstanceId"], workshop.boot_time(user)) for user in first}
    changed = {name for line in re.findall(r"^  changed: (.*)$", grown, re.MULTILINE) for name in line.split(", ")}
    assert changed == {"ws-4"}, grown


def test_one_machine_for_alice(workshop: Workshop) -> None:
    workshop.succeed(manual.first_machine("create_passwords.yml"))
    workshop.succeed(manual.first_machine("stack_create.yml"))
    assert workshop.machines()["alice"]["InstanceType"] == "t3.small"
    graph = workshop.succeed("ansible-inventory --graph")
    for name in ("alice", "ws-1", "ws-4", "@ws:", "@state_running:"):
        assert name in graph


def test_check_is_green_and_red_by_name_with_the_repair(workshop: Workshop) -> None:
    workshop.succeed(manual.of_class("fleet_check.yml"))
    report = json.loads((workshop.state / "reports/check.json").read_text())
    assert sorted(report) == ["ws-1", "ws-2", "ws-3", "ws-4"]
    assert all(machine["ok"] for machine in report.values())
    workshop.on_machine("ws-2", "systemctl stop jupyter")
    red = workshop.play("-l users fleet_check.yml")
    assert red.status != 0
    assert re.search(r"^FAILED ws-2: .*restart_jupyter\.yml", red.text, re.MULTILINE), red.text
    assert not re.search(r"FAILED (?!ws-2)", red.text)
    workshop.succeed(manual.of_class("restart_jupyter.yml", one="ws-2"))
    workshop.succeed("ansible-playbook -l ws-2 fleet_check.yml")


def test_public_tools_agree(workshop: Workshop, tmp_path: Path) -> None:
    ours = plain(json.loads(workshop.succeed("ansible-inventory --list")))["_meta"]["hostvars"]
    theirs = workshop.machines()
    stacks = workshop.aws("cloudformation describe-stacks")["Stacks"]
    complete = {
        stack["StackName"].removeprefix("probcomp-stack-")
        for stack in stacks
        if stack["StackName"].startswith("probcomp-stack-") and stack["StackStatus"] == "CREATE_COMPLETE"
    }
    assert set(ours) == set(theirs) == complete
    source = tmp_path / "all.aws_ec2.yml"
    # Others' machines may have the same names.
    ours_only = 'filters: {"tag:aws:cloudformation:stack-name": ["probcomp-stack-*"]}\n'
    source.write_text(f"plugin: amazon.aws.aws_ec2\nregions: [us-east-1]\nhostnames: [tag:Name]\n{ours_only}")
    public = plain(json.loads(workshop.succeed(f"ansible-inventory -i {source} --list 2>/dev/null")))["_meta"][
        "hostvars"
    ]
    for user, machine in ours.items():
        assert machine["probcomp_instance_id"] == theirs[user]["InstanceId"]
        assert machine["probcomp_address"] == theirs[user]["PublicIpAddress"]
        assert public[f"{user}/instance"]["instance_id"] == machine["probcomp_instance_id"]
