"""make bench: what commands cost the controller, as ratios measured in one run. Never part of a test that can fail.

A rehearsal of its own carries BENCH_MACHINES machines (8 when not set). Every figure is processor time of the
command and its children (user and system, from getrusage), the least of three runs, on the computer that also carries
the machines: seconds from different computers or runs do not compare, the ratios do.
"""

from __future__ import annotations

import logging
import os
import resource
import shlex
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

from tests.e2e.workshop import Workshop

RUNS = 3
REGION = "us-east-1"


def processor_seconds(work: Callable[[], object]) -> float:
    """Return the least processor time, in seconds, that the children of this process use for `work`."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        work()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)

    return min(once() for _ in range(RUNS))


def show(what: str, one: float, many: float, count: int) -> None:
    """Print a line of the table: seconds for one and for `count`, their ratio, and what one more costs."""
    each = (many - one) / (count - 1)
    print(f"{what:<44} {one:7.2f} s {many:7.2f} s {many / one:7.2f} {each * 1000:9.1f} ms", flush=True)


def bench_inventory(workshop: Workshop, counts: tuple[int, int]) -> None:
    """Reading the inventory of an account with few and with many machines."""
    seconds = []
    for count in counts:
        # The server's own line for each request would bury the table.
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        ec2 = boto3.client("ec2", region_name=REGION, endpoint_url=url, **keys)
        image = ec2.register_image(Name="plain", RootDeviceName="/dev/xvda")["ImageId"]
        for number in range(count):
            tags = [{"Key": "Name", "Value": f"ws-{number + 1}/instance"}, {"Key": "fleet", "Value": "ws"}]
            named = [{"ResourceType": "instance", "Tags": tags}]
            ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=named)
        command = f"AWS_ENDPOINT_URL={url} ansible-inventory -i inventory --list >/dev/null"
        seconds.append(processor_seconds(partial(workshop.succeed, command)))
        ec2.terminate_instances(
            InstanceIds=[i["InstanceId"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
        )
        server.stop()
    show(f"inventory of {counts[0]} / {counts[1]} machines", seconds[0], seconds[1], counts[1])


def bench_command(workshop: Workshop, what: str, command: str, one: str, many: str, count: int) -> None:
    """`command` with `{who}` filled in for one machine and for all."""

    def run(who: str) -> float:
        return processor_seconds(lambda: workshop.succeed(command.format(who=who)))

    show(what, run(one), run(many), count)


def bench_bare_loop(workshop: Workshop, users: list[str]) -> None:
    """The floor: a shell loop that connects to each machine and looks at the file of the password's hash."""
    workshop.succeed("scripts/ssh_config")
    connect = f"ssh -o BatchMode=yes -F {shlex.quote(str(workshop.state / 'ssh_config'))}"

    def loop(chosen: list[str]) -> str:
        file = "/home/jupyter/.jupyter/jupyter_server_config.json"
        lines = [f"{connect} {user} sudo cat {file} >/dev/null" for user in chosen]
        return "set -e; " + "; ".join(lines)

    one, many = (processor_seconds(partial(workshop.succeed, loop(chosen))) for chosen in (users[:1], users))
    show(f"a bare shell loop of ssh, 1 / {len(users)}", one, many, len(users))


def main() -> int:
    """Measure, print the table, and remove the rehearsal."""
    count = int(os.environ.get("BENCH_MACHINES", "8"))
    users = [f"ws-{number}" for number in range(1, count + 1)]
    fleet = f"base=ws low=1 high={count}"
    with tempfile.TemporaryDirectory(prefix="probcomp-bench-") as folder:
        workshop = Workshop(Path(folder) / "rehearsal")
        try:
            workshop.clone()
            workshop.begin()
            workshop.succeed(f'ansible-playbook create_passwords.yml -e "{fleet}"')
            workshop.succeed(f'ansible-playbook fleet_create.yml -e "{fleet}"', timeout=3600)
            print(f"{'processor time of the controller':<44} {'one':>9} {'many':>9} {'ratio':>7} {'each more':>12}")
            bench_inventory(workshop, (1, 1000))
            set_password = "ansible-playbook -l {who} set_password.yml"
            bench_command(workshop, f"set_password on 1 / {count}", set_password, "ws-1", "ws", count)
            bench_bare_loop(workshop, users)
            check = "ansible-playbook -l {who} fleet_check.yml"
            bench_command(workshop, f"check of 1 / {count}", check, "ws-1", "ws", count)
            again = "ansible-playbook fleet_create.yml -e {who}"
            bench_command(workshop, f"create again of 1 / {count}", again, "user=ws-1", f"'{fleet}'", count)
        finally:
            workshop.shell("scripts/rehearsal down", rehearsed=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
