"""ami_bake.yml: a bake that completes after an interruption.

Nothing of the baked machine is in the image, and a machine is made of it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from tests.support.workshop import OUTPUT, Workshop

CANARY = "canary-5f1c9e4a"
PLANT = f"""
set -e
runuser -u jupyter -- mkdir -p /home/jupyter/.local/share/jupyter/runtime /home/jupyter/.jupyter
mkdir -p /var/lib/probcomp/logs /var/log/probcomp/jupyter
echo '{CANARY} history' | tee /root/.bash_history /home/jupyter/.bash_history >/home/ubuntu/.python_history
echo '{CANARY} cookie' >/home/jupyter/.local/share/jupyter/runtime/jupyter_cookie_secret
echo '{{"IdentityProvider": {{"hashed_password": "{CANARY}"}}}}' >/home/jupyter/.jupyter/jupyter_server_config.json
echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{CANARY} planted' >>/home/ubuntu/.ssh/authorized_keys
echo '{CANARY} log' | tee /var/log/planted.log /var/log/probcomp/jupyter/2026-11-22.log >/var/log/probcomp/marco.log
echo '{CANARY} cursor' >/var/lib/probcomp/logs/cursor
echo '{CANARY} temporary' >/tmp/planted
logger '{CANARY} journal'; journalctl --flush
cat /etc/ssh/ssh_host_*_key.pub | cut -d' ' -f2; cat /etc/machine-id
"""
USER = "baked-1"


def container(engine: docker.DockerClient, instance: str) -> Container:
    """Return the container of an instance."""
    return engine.containers.list(filters={"label": f"probcomp-instance={instance}"})[0]


def inside(found: Container, command: str) -> str:
    """Return the output of a command run as root in a container; it must succeed."""
    status, output = found.exec_run(["sh", "-c", command])
    assert status == 0, output.decode()
    return str(output.decode().strip())


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env(timeout=180)
    yield client
    client.close()


@pytest.fixture(scope="module")
def baked(workshop: Workshop, engine: docker.DockerClient) -> Iterator[dict[str, Any]]:
    """Provide the image of a bake that followed a failed one.

    The machine that it baked had canaries on it.
    """
    # The first bake fails after packages and Jupyter are installed: the canaries go where a user's own files would be.
    half = workshop.play(f"ami_bake.yml -e content_checksum=sha256:{'0' * 64}")
    assert half.status != 0 and "FAILED ami-bake: content: " in half.text, half.text
    instance = workshop.machines()["ami-bake"]["InstanceId"]
    identity = inside(container(engine, instance), PLANT).splitlines()
    began = time.monotonic()
    text = workshop.succeed("ansible-playbook ami_bake.yml")
    seconds = time.monotonic() - began
    assert f"an earlier run left the machine {instance}, running, which is gone on with" in text
    said = re.search(r"is available: (ami-\w+), ", text)
    assert said, text
    image = workshop.aws(f"ec2 describe-images --owners self --image-ids {said[1]}")["Images"][0]
    yield {**image, "identity": identity, "output": text, "seconds": seconds}
    workshop.play(f"fleet_delete.yml -e user={USER} -e backup=false -e confirm=yes")
    workshop.shell(f"aws ec2 deregister-image --image-id {image['ImageId']} --delete-associated-snapshots")


def test_no_machine_and_no_word_of_it_is_left(workshop: Workshop, baked: dict[str, Any]) -> None:
    assert "nothing is left of ami-bake" in baked["output"]
    assert "ami-bake" not in workshop.machines()
    assert not (workshop.state / "ami-bake.json").exists()
    assert not (workshop.state / "known_hosts/ami-bake").exists()
    assert f'fleet_create.yml -e "base=ws low=1 high=40 ami={baked["ImageId"]}"' in baked["output"]


def test_the_image_tells_what_is_in_it(workshop: Workshop, baked: dict[str, Any]) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in baked["Tags"]}
    assert tags["Name"] == baked["Name"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", tags["date"])
    assert tags["version:image"] == "ami-0a000000000024041" and tags["version:admin_user"] == "ubuntu"
    assert re.fullmatch(r"\d+\.\d+\.\d+", tags["version:jupyterlab"])
    assert f"sha256:{tags['version:content']}" == workshop.facts["content_checksum"]
    assert re.match(r"\d", tags["version:python-venture"])
    snapshot = baked["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    stored = workshop.aws(f"ec2 describe-snapshots --snapshot-ids {snapshot}")["Snapshots"][0]
    assert (baked["State"], stored["State"]) == ("available", "completed")
    assert {tag["Key"]: tag["Value"] for tag in stored["Tags"]} == tags


def test_an_image_of_an_earlier_day_is_not_told_to_be_of_today(workshop: Workshop, baked: dict[str, Any]) -> None:
    # A run that was killed at its very end leaves this file.
    left = {"name": baked["Name"], "controller": "desk", "process": "1 0 long-ago", "stage": "cleaned"}
    file = workshop.state / "ami-bake.json"
    file.write_text(json.dumps({**left, "launched": "2026-01-31", "taken_up": "2026-01-31"}))
    text = workshop.succeed("ansible-playbook ami_bake.yml")
    assert f"{baked['ImageId']}, x86_64, 16 GiB, of 2026-01-31" in text and "begun on 2026-01-31 by a run that" in text
    assert "ami-bake" not in workshop.machines() and not file.exists()


def test_nothing_of_the_machine_is_in_the_image(engine: docker.DockerClient, baked: dict[str, Any]) -> None:
    patterns = "\n".join([CANARY, *baked["identity"]])
    search = "cd / && grep -rlaF -f /patterns etc home opt root srv tmp usr/local var; test $? = 1"
    command = ["sh", "-c", f"printf '%s' \"$PATTERNS\" >/patterns && {search}"]
    engine.containers.run(
        f"probcomp-stack/ami:{baked['ImageId']}",
        command,
        environment={"PATTERNS": patterns},
        remove=True,
        network_disabled=True,
    )


def test_a_machine_of_it_serves_nobody_before_its_password_is_set(
    workshop: Workshop, engine: docker.DockerClient, baked: dict[str, Any]
) -> None:
    subnet = workshop.machines()["ws-1"]["SubnetId"]
    launch = f"ec2 run-instances --image-id {baked['ImageId']} --instance-type t3.micro --subnet-id {subnet}"
    instance = workshop.aws(f"{launch} --key-name {workshop.facts['key_name']}")["Instances"][0]["InstanceId"]
    try:
        workshop.succeed(f"aws ec2 wait instance-running --instance-ids {instance}")
        found = container(engine, instance)
        # With --wait alone systemctl may miss the end of the boot, and waits for ever.
        inside(found, "timeout 60 systemctl is-system-running --wait || true")
        assert inside(found, "systemctl is-system-running || true") in ("running", "degraded")
        assert inside(found, "systemctl is-enabled jupyter; systemctl is-active jupyter || true") == "enabled\ninactive"
        assert inside(found, "ss -Hltn 'sport = :8888' | wc -l") == "0"
        keys = inside(found, "cut -d' ' -f2 /etc/ssh/ssh_host_*_key.pub; cat /etc/machine-id").splitlines()
        assert len(keys) == len(baked["identity"]) and not set(keys) & set(baked["identity"])
        assert inside(found, "grep -c . /home/ubuntu/.ssh/authorized_keys") == "1"
    finally:
        workshop.aws(f"ec2 terminate-instances --instance-ids {instance}")


def test_a_fleet_of_it_has_little_to_do(workshop: Workshop, baked: dict[str, Any]) -> None:
    workshop.succeed(f"ansible-playbook create_passwords.yml -e user={USER}")
    began = time.monotonic()
    text = workshop.succeed(f'ansible-playbook fleet_create.yml -e "user={USER} ami={baked["ImageId"]}"')
    seconds = {"bake_rest": round(baked["seconds"]), "create_from_image": round(time.monotonic() - began)}
    (OUTPUT / "machine-image.json").write_text(json.dumps(seconds) + "\n")
    changed = re.findall(r"^- (\w+) : .*\n  changed", text, re.MULTILINE)
    assert set(changed) <= {"stack", "host_identity", "jupyter_password"}, text
    assert workshop.machines()[USER]["ImageId"] == baked["ImageId"]
    again = workshop.succeed(f'ansible-playbook fleet_create.yml -e "user={USER} ami={baked["ImageId"]}"')
    assert " 0 changed, 0 failed" in again


def test_machines_outlive_their_image(workshop: Workshop, engine: docker.DockerClient, baked: dict[str, Any]) -> None:
    workshop.aws(f"ec2 deregister-image --image-id {baked['ImageId']} --delete-associated-snapshots")
    refused = workshop.play(f"fleet_create.yml -e user=baked-2 -e ami={baked['ImageId']}")
    assert refused.status != 0 and f"there is no image '{baked['ImageId']}'" in refused.text
    assert not engine.images.list(f"probcomp-stack/ami:{baked['ImageId']}")
    workshop.succeed(f"ansible-playbook -l {USER} fleet_check.yml")


def test_names_are_refused(workshop: Workshop) -> None:
    for arguments, words in (
        ("ami_bake.yml -e user=alice", "takes no names"),
        ("ami_bake.yml -l ws-1", "leave -l out"),
        ("ami_bake.yml -e ami=latest", "an image looks like"),
        ("stack_create.yml -e user=ami-bake", "reserved"),
        ("-l ami-bake fleet_check.yml", "no such machine"),
    ):
        refused = workshop.play(arguments)
        assert refused.status != 0 and words in refused.text, refused.text
