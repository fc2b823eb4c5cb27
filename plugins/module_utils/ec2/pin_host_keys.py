"""Pin the ssh host keys of new machines from their consoles, in one loop for all."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..aws.errors import Clock, error_code, explain, is_credentials_error
from ..output.machine_errors import UnexpectedAnswer, one_machine
from ..output.text import printable_lines
from ..progress.reporter import Progress
from .console import CALLS_PER_SECOND, Consoles
from .host_keys import ForgedKeys, HostKey, host_keys, is_cut
from .known_hosts import Pin, PinError, read_pin, write_pin

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore.exceptions import BotoCoreError, ClientError

_NEW_INSTANCE_SECONDS = 60
_MOST_SHOWN = 64 * 1024
"""Characters of a pin file that are shown as a difference."""


@dataclass(frozen=True)
class PinText:
    """What a pin file holds, in printable lines; "" where it cannot be read."""

    file: str
    text: str

    @classmethod
    def read(cls, file: str) -> PinText:
        """Return what the file holds now."""
        try:
            with Path(file).open(encoding="ascii", errors="replace") as stream:
                return cls(file, "".join(f"{line}\n" for line in printable_lines(stream.read(_MOST_SHOWN))))
        except OSError:
            return cls(file, "")


def differences(before: dict[str, PinText], results: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    """Return what changed in the pin files since `before`, for Ansible's --diff.

    Pins that would be removed are shown as removed. Keys that were not read yet are not known.
    """
    changed = [user for user, result in results.items() if result["changed"] and result["status"] != "planned"]
    return [
        {
            "before": before[user].text,
            "after": "" if results[user]["status"] == "absent" else PinText.read(before[user].file).text,
            "before_header": before[user].file,
            "after_header": before[user].file,
        }
        for user in changed
    ]


class Pinner:
    """Pin the keys of a batch of machines."""

    def __init__(self, consoles: Consoles, clock: Clock, timeout: float, poll_interval: float) -> None:
        self.consoles = consoles
        self.clock = clock
        self.timeout = timeout
        self.poll_interval = poll_interval
        self.results: dict[str, dict[str, Any]] = {}

    def without_pin(self, machines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the machines without pinned keys; set the result of the others."""
        missing = []
        for machine in machines:
            try:
                pin = read_pin(Path(machine["pin_file"]), machine["ssh_name"])
            except PinError as error:
                self._fail(machine, str(error))
                continue
            if pin is None or pin.instance_id != machine["instance_id"]:
                missing.append(machine)
            else:
                self._pinned(machine, list(pin.keys), changed=False)
        return missing

    def pin(self, machines: list[dict[str, Any]]) -> None:
        """Wait for the keys of all `machines`, pin them, and set each result."""
        start = self.clock.now()
        pending = machines
        progress = Progress("host keys", len(self.results) + len(machines))
        self._report(progress, pending)
        while pending:
            try:
                for machine in pending:
                    self._check_console(machine, self.clock.now() - start)
                    self._report(progress, pending)
                    self.clock.sleep(1 / CALLS_PER_SECOND)
            except (BotoCoreError, ClientError) as error:
                for machine in pending:
                    if machine["user"] not in self.results:
                        self._fail(machine, explain(error))
            pending = [machine for machine in pending if machine["user"] not in self.results]
            if self.clock.now() - start > self.timeout:
                for machine in pending:
                    self._fail(
                        machine,
                        f"no host keys on the console of {machine['instance_id']} after {self.timeout:.0f} s, "
                        f"or its beginning is gone: {_remedy(machine)}",
                    )
                return
            if pending:
                self.clock.sleep(self.poll_interval)

    def _report(self, progress: Progress, pending: list[dict[str, Any]]) -> None:
        late = [machine["user"] for machine in pending if machine["user"] not in self.results]
        progress.report(late, sum(result["status"] == "failed" for result in self.results.values()))

    def _check_console(self, machine: dict[str, Any], elapsed: float) -> None:
        try:
            keys = self._read_keys(machine)
            with one_machine(ForgedKeys, OSError):
                if keys:
                    path = Path(machine["pin_file"])
                    write_pin(path, machine["ssh_name"], Pin(machine["instance_id"], tuple(keys)))
                    self._pinned(machine, keys, changed=True)
        except (ForgedKeys, UnexpectedAnswer) as error:
            self._fail(machine, f"{error}: nothing was pinned; {_remedy(machine)}")
        except OSError as error:
            self._fail(machine, f"{machine['pin_file']} cannot be written: {error.strerror or error}")
        except ClientError as error:
            if is_credentials_error(error):
                raise
            # EC2 may not find an instance in its first seconds.
            is_new = error_code(error) == "InvalidInstanceID.NotFound" and elapsed < _NEW_INSTANCE_SECONDS
            if not is_new:
                self._fail(machine, explain(error))

    def _read_keys(self, machine: dict[str, Any]) -> list[HostKey]:
        """Return the keys in the machine's consoles, none without a trustworthy block.

        Raises ForgedKeys, UnexpectedAnswer and botocore's errors.
        """
        place = machine["instance_id"], machine["instance_type"]
        if machine.get("is_new"):
            outputs = [self.consoles.read(*place)]
            trusted = outputs
        else:
            # Its user may be root on it: after 64 KB of anything, a block of her own would be the only one.
            outputs = self.consoles.read_all(*place)
            trusted = [output for output in outputs if not is_cut(output)]
        with one_machine(ForgedKeys):
            host_keys(*outputs)
            return host_keys(*trusted)

    def _pinned(self, machine: dict[str, Any], keys: list[HostKey], changed: bool) -> None:
        fingerprints = [f"{key.kind} SHA256:{key.fingerprint}" for key in keys]
        self.results[machine["user"]] = {
            "status": "pinned",
            "changed": changed,
            "reason": "",
            "fingerprints": fingerprints,
        }

    def _fail(self, machine: dict[str, Any], reason: str) -> None:
        self.results[machine["user"]] = {"status": "failed", "changed": False, "reason": reason, "fingerprints": []}


def _remedy(machine: dict[str, Any]) -> str:
    return (
        f"copy {machine['pin_file']} from whoever pinned it, or see "
        '"A host key that no console shows" in docs/machines.md; nothing has to be deleted'
    )


def forget(machines: list[dict[str, Any]], is_check_mode: bool) -> dict[str, dict[str, Any]]:
    """Remove the pin files of `machines` and return the results by user."""
    results = {}
    for machine in machines:
        path = Path(machine["pin_file"])
        result = {"status": "absent", "changed": path.exists(), "reason": "", "fingerprints": []}
        try:
            if not is_check_mode:
                path.unlink(missing_ok=True)
        except OSError as error:
            reason = f"{path} cannot be removed: {error.strerror or error}"
            result |= {"status": "failed", "changed": False, "reason": reason}
        results[machine["user"]] = result
    return results
