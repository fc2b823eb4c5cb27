"""Read the console output of instances from EC2."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

from ..aws.errors import Clock, error_code, retry_transient

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore.exceptions import ClientError

CALLS_PER_SECOND = 5
_NOT_LIVE = frozenset({"UnsupportedOperation", "InvalidParameterValue", "InvalidParameterCombination"})


@dataclass
class Consoles:
    """Console output of instances, live where the instance type supports it."""

    client: Any
    clock: Clock
    _not_live: set[str] = field(default_factory=set)
    """Instance types without a live console: those not on Nitro."""

    def read(self, instance_id: str, instance_type: str) -> str:
        """Return the console output, "" when there is none yet; raise botocore's errors."""
        if instance_type not in self._not_live:
            try:
                return self._get(instance_id, Latest=True)
            except ClientError as error:
                if error_code(error) not in _NOT_LIVE:
                    raise
                self._not_live.add(instance_type)
        return self._get(instance_id)

    def read_all(self, instance_id: str, instance_type: str) -> list[str]:
        """Return the live console, and what EC2 kept of it shortly after the boot.

        Raises botocore's errors.
        """
        outputs = [self.read(instance_id, instance_type)]
        if outputs[0] and instance_type not in self._not_live:
            self.clock.sleep(1 / CALLS_PER_SECOND)
            outputs.append(self._get(instance_id))
        return outputs

    def _get(self, instance_id: str, **options: Any) -> str:
        answer = retry_transient(
            lambda: self.client.get_console_output(InstanceId=instance_id, **options), clock=self.clock
        )
        return str(answer.get("Output") or "")
