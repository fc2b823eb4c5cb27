"""Serve the rehearsal's AWS API: check, throttle and route each request.

A WSGI application in front of moto: it refuses unsupported calls and unknown access keys, limits rates, and injects
faults. One request at a time touches moto's backends, under the rehearsal's lock; a request that is refused, throttled
or hit by a fault never reaches them.
"""

import base64
import hmac
import json
import logging
import socket
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.responses import BaseResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Response

from rehearsal.api import faults
from rehearsal.api.accounting import Counts, TokenBucket
from rehearsal.api.clock import wrong_clock
from rehearsal.api.requests import Call, error_response, read_call, request_of
from rehearsal.api.signatures import is_signed
from rehearsal.api.supported_calls import is_carried
from rehearsal.lock import LOCK
from rehearsal.services import s3
from rehearsal.settings import Settings

THROTTLED_SERVICES = ("cloudformation", "route53")
"""Services that throttle a client; the others' limits are far above a fleet's use."""

ADDRESS_PATH = "/rehearsal/address"
"""Path that answers anybody with their own address, as checkip.amazonaws.com does."""
_OWN_NAMES = ("127.0.0.1", "localhost")
Control = Callable[[dict[str, Any], bytes], Response]
_Start = Callable[..., Any]
_log = logging.getLogger(__name__)


class Gate:
    """WSGI application of the rehearsal's API."""

    def __init__(
        self, settings: Settings, counts: Counts, apis: dict[str, type[BaseResponse]], control: Control
    ) -> None:
        """Set up the application.

        `apis` are the services that the rehearsal answers itself; `control` answers the paths under /rehearsal/.
        """
        self._settings = settings
        self._counts = counts
        self._apis = apis
        self._control = control
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._buckets = {
            service: TokenBucket(settings.requests_per_second, settings.request_burst) for service in THROTTLED_SERVICES
        }

    def __call__(self, environ: dict[str, Any], start_response: _Start) -> Iterable[bytes]:
        """Answer one request."""
        if foreign := self._foreign(environ):
            return foreign(environ, start_response)
        body = _body(environ)
        if environ["PATH_INFO"] == ADDRESS_PATH:
            return Response(f"{environ['REMOTE_ADDR']}\n", content_type="text/plain")(environ, start_response)
        if environ["PATH_INFO"].startswith("/rehearsal/"):
            if not self._has_key(environ):
                response = json_response({"error": "the control endpoints need the rehearsal's key"}, 401)
                return response(environ, start_response)
            return self._control(environ, body)(environ, start_response)
        return self._api(environ, body, start_response)

    def _api(self, environ: dict[str, Any], body: bytes, start_response: _Start) -> Iterable[bytes]:
        call = read_call(environ, body)
        refusal = self._refusal(call) or wrong_clock(call, environ) or self._wrong_signature(call, environ, body)
        if refusal:
            return self._answer(call, "refused", refusal, environ, start_response)
        fault = faults.api_fault(call.service, call.action, call.text)
        if fault and not fault.after:
            if fault.drop:
                self._drop(call, environ)
            response = error_response(call, fault.code, fault.message, fault.status)
            return self._answer(call, "fault", response, environ, start_response)
        bucket = self._buckets.get(call.service)
        if bucket and not bucket.take():
            response = error_response(call, "Throttling", "Rate exceeded", 400)
            return self._answer(call, "throttled", response, environ, start_response)
        response = self._carry_out(call, environ, body)
        if fault:
            if fault.drop:
                self._drop(call, environ)
            response = error_response(call, fault.code, fault.message, fault.status)
            return self._answer(call, "fault", response, environ, start_response)
        return self._answer(call, "answered", response, environ, start_response)

    def object_store(self, environ: dict[str, Any], start_response: _Start) -> Iterable[bytes]:
        """Serve S3 alone, at the address that machines and the controller have for it."""
        if foreign := self._foreign(environ):
            return foreign(environ, start_response)
        call = read_call(environ, b"")
        if call.service != "s3":
            return Response("This is S3 alone.\n", 403, content_type="text/plain")(environ, start_response)
        # What a machine sends is not read into memory.
        body = _body(environ) if call.access_key == self._settings.access_key else b""
        return self._api(environ, body, start_response)

    def _refusal(self, call: Call) -> Response | None:
        """Return the error for a call that is refused for its action or its access key."""
        if not is_carried(call.service, call.action):
            name = f"{call.service or 'this service'}:{call.action or 'this call'}"
            _log.warning("not carried: %s %s", name, call.subject)
            message = f"The rehearsal does not carry {name}; see rehearsal/README.md for what it does."
            return error_response(call, "NotCarriedByRehearsal", message, 400)
        if call.access_key == self._settings.access_key:
            return None
        if not call.access_key:
            if call.service == "s3":
                return None if call.action in ("GetObject", "HeadObject") else _access_denied(call)
            message = "The request carries no credentials."
            return error_response(call, "MissingAuthenticationToken", message, 403)
        code, message, status = _UNKNOWN_KEY.get(call.service, _UNKNOWN_KEY[""])
        return error_response(call, code, message, status)

    def _foreign(self, environ: dict[str, Any]) -> Response | None:
        """Return the error for a web page's request or for a foreign host name, or None."""
        host = environ.get("HTTP_HOST", "").partition(":")[0].lower()
        if "HTTP_ORIGIN" in environ:
            message = "web pages may not use this API"
        elif host not in (*_OWN_NAMES, self._settings.services_address):
            message = "this API does not have that name"
        else:
            return None
        return Response(f"{message}\n", 403, {"Connection": "close"}, content_type="text/plain")

    def _has_key(self, environ: dict[str, Any]) -> bool:
        key = f"{self._settings.access_key}:{self._settings.secret_key}".encode()
        told = environ.get("HTTP_AUTHORIZATION", "")
        return hmac.compare_digest(told.encode(), b"Basic " + base64.b64encode(key))

    def _wrong_signature(self, call: Call, environ: dict[str, Any], body: bytes) -> Response | None:
        """Return the error for a call that the access key's secret did not sign, or None."""
        if not call.access_key or is_signed(environ, body, self._settings.access_key, self._settings.secret_key):
            return None
        code, status = _WRONG_SIGNATURE.get(call.service, _WRONG_SIGNATURE[""])
        message = "The request signature we calculated does not match the signature you provided."
        return error_response(call, code, message, status)

    def _carry_out(self, call: Call, environ: dict[str, Any], body: bytes) -> Response:
        request = request_of(environ, body)
        api = self._apis.get(call.service)
        with LOCK:
            try:
                asked = s3.S3Request(call.action, bool(call.access_key), request, environ, body)
                if call.service == "s3" and (refusal := s3.refusal(asked)):
                    return error_response(call, *refusal)
                if api:
                    status, headers, answer = api.dispatch(request)
                    return Response(answer, int(status), headers={k: str(v) for k, v in headers.items()})
                response = Response.from_app(self._moto, request.environ, buffered=True)
                if call.name == "s3:CreateBucket" and response.status_code == 200:
                    s3.block_public_access(asked.bucket_name)
                return response
            except NotImplementedError as error:
                _log.warning("not carried: %s: %s", call.name, error)
                return error_response(call, "NotCarriedByRehearsal", f"The rehearsal does not carry this: {error}", 400)
            except Exception:  # one request's error must not end the server, and the log needs it
                _log.exception("%s failed: %s", call.name, call.subject)
                message = "The rehearsal itself failed on this request; its server.log says why."
                return error_response(call, "RehearsalFailure", message, 400)

    def _answer(
        self, call: Call, outcome: str, response: Response, environ: dict[str, Any], start_response: _Start
    ) -> Iterable[bytes]:
        self._counts.add(call, outcome, response.status_code)
        return response(environ, start_response)

    def _drop(self, call: Call, environ: dict[str, Any]) -> None:
        """Drop the connection as a broken network would; the server's thread ends here."""
        self._counts.add(call, "fault", 0)
        connection: socket.socket = environ["werkzeug.socket"]
        connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError(f"{call.name} dropped on purpose")


_UNKNOWN_KEY = {
    "": ("InvalidClientTokenId", "The security token included in the request is invalid.", 403),
    "acm": ("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
    "ec2": ("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
    "pricing": ("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
    "s3": ("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403),
    "service-quotas": ("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
    "ssm": ("UnrecognizedClientException", "The security token included in the request is invalid.", 400),
}


_WRONG_SIGNATURE = {
    "": ("SignatureDoesNotMatch", 403),
    "acm": ("InvalidSignatureException", 400),
    "ec2": ("AuthFailure", 401),
    "pricing": ("InvalidSignatureException", 400),
    "service-quotas": ("InvalidSignatureException", 400),
    "ssm": ("InvalidSignatureException", 400),
}


def _access_denied(call: Call) -> Response:
    return error_response(call, "AccessDenied", "Access Denied", 403)


def _body(environ: dict[str, Any]) -> bytes:
    """Return the request's whole body.

    The server has already decoded the chunks of a request without a length.
    """
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        return bytes(stream.read())
    return bytes(stream.read(int(environ.get("CONTENT_LENGTH") or 0)))


def json_response(value: object, status: int = 200) -> Response:
    """Return a JSON response of the control endpoints."""
    return Response(json.dumps(value), status, content_type="application/json")
