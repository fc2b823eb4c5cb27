"""A fake of EC2 that answers GetConsoleOutput."""

from __future__ import annotations

from typing import Any

from tests.support.cloudformation_fakes import client_error


class FakeEc2:
    """A fake of EC2 whose consoles show the given texts in turn.

    It raises an exception in the list; the last text stays. `boot` is what EC2 kept of every console after the boot.
    """

    def __init__(self, live: bool = True, boot: str | None = None, **outputs: list[str | Exception]) -> None:
        self.live = live
        self.boot = boot
        self.outputs = outputs
        self.requests: list[dict[str, Any]] = []

    def get_console_output(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if request.get("Latest") and not self.live:
            raise client_error("UnsupportedOperation", "m")
        if self.boot is not None and not request.get("Latest"):
            return {"Output": self.boot}
        outputs = self.outputs[request["InstanceId"].replace("-", "_")]
        output = outputs.pop(0) if len(outputs) > 1 else outputs[0]
        if isinstance(output, Exception):
            raise output
        return {"Output": output} if output else {}
