"""Serve the control endpoints under /rehearsal/ of the API's address.

`scripts/rehearsal` and the tests use them.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import ClientError
from werkzeug.wrappers import Response

from rehearsal.account.strangers import Strangers
from rehearsal.api import faults
from rehearsal.api.accounting import Counts
from rehearsal.api.gateway import json_response
from rehearsal.services import service_quotas
from rehearsal.settings import Settings

_CHANGEABLE = (
    "boot_timeout",
    "console_boot_time",
    "console_delay",
    "image_delay",
    "record_delay",
    "seconds_per_resource",
    "vcpu_quota",
)


class ControlEndpoints:
    """The control endpoints of a running rehearsal.

    They are `status`, `counts`, `calls`, `faults`, `quotas`, `settings`, `strangers`, `guard` and `shutdown`.
    """

    def __init__(
        self,
        settings: Settings,
        counts: Counts,
        status: Callable[[], dict[str, Any]],
        shutdown: Callable[[], None],
        strangers: Strangers | None = None,
    ) -> None:
        self._settings = settings
        self._counts = counts
        self._status = status
        self._shutdown = shutdown
        self._strangers = strangers or Strangers(settings.account, settings.region)

    def __call__(self, environ: dict[str, Any], body: bytes) -> Response:
        """Answer one request; describe an error in it in one line."""
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        try:
            values = json.loads(body or b"{}")
            return json_response(self._answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], query, values))
        except LookupError:
            return json_response({"error": f"no {environ['REQUEST_METHOD']} {environ['PATH_INFO']} here"}, 404)
        except ValueError as error:
            return json_response({"error": str(error)}, 400)

    def _answer(self, method: str, path: str, query: dict[str, str], values: dict[str, Any]) -> object:
        endpoints: dict[str, Callable[[], object]] = {
            "GET /rehearsal/status": self._status,
            "GET /rehearsal/counts": self._counts.as_dict,
            "POST /rehearsal/counts/reset": self._reset,
            "GET /rehearsal/calls": lambda: self._counts.calls_since(int(query.get("since", "0"))),
            "GET /rehearsal/faults": faults.listing,
            "POST /rehearsal/faults": lambda: {"id": faults.add(values).id},
            "DELETE /rehearsal/faults": lambda: {"cleared": faults.clear()},
            "POST /rehearsal/quotas": lambda: self._quota(values),
            "DELETE /rehearsal/quotas": service_quotas.reset,
            "POST /rehearsal/settings": lambda: self._change(values),
            "GET /rehearsal/strangers": self._strangers.snapshot,
            "POST /rehearsal/guard": lambda: self._guard(values),
            "POST /rehearsal/shutdown": self._stop,
        }
        return endpoints[f"{method} {path}"]()

    def _reset(self) -> object:
        self._counts.reset()
        return self._counts.as_dict()

    def _change(self, values: dict[str, Any]) -> object:
        for name, value in values.items():
            if name not in _CHANGEABLE or not isinstance(value, (int, float)):
                raise ValueError(
                    f"{name}={value!r} cannot be set while running; numbers for {', '.join(_CHANGEABLE)} can"
                )
        self._settings.update(values)
        return {name: getattr(self._settings, name) for name in _CHANGEABLE}

    def _quota(self, values: dict[str, Any]) -> object:
        service, code, value = (values.get(name) for name in ("service", "code", "value"))
        try:
            # A value that is not a number raises TypeError, which is answered as an error of the request.
            service_quotas.override(str(service), str(code), float(value))  # type: ignore[arg-type]
        except (KeyError, TypeError) as error:
            raise ValueError(f"no quota {code!r} of {service!r} is known, or {value!r} is no number") from error
        return {"service": service, "code": code, "value": value}

    def _guard(self, values: dict[str, Any]) -> object:
        try:
            return self._strangers.guard(str(values.get("vpc")))
        except ClientError as error:
            raise ValueError(str(error)) from error

    def _stop(self) -> object:
        self._shutdown()
        return {"stopping": True}
