"""Parse the AWS call of an HTTP request, and write errors in the call's protocol.

Four protocols are supported: `query` and `ec2` (a form with `Action`), `json` (a target header) and `rest-xml` (method
and path). moto knows them all from botocore's service models; this module only asks it.
"""

import io
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError
from moto.core.model import OperationModel
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import BackendRequest
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from rehearsal.api.errors import AwsError

_SERVICE_OF_SIGNING_NAME = {"elasticloadbalancing": "elbv2", "servicequotas": "service-quotas"}
_LONG_PARAMETERS = ("TemplateBody", "StackPolicyBody", "UserData", "PublicKeyMaterial", "Policy")
_TEXT_LIMIT = 100_000
_SUBJECT_LIMIT = 600


@dataclass(frozen=True)
class Call:
    """One API call with the fields that the gateway needs."""

    service: str
    """Service as botocore names it, e.g. `elbv2`; empty when the request names none."""
    action: str
    """Action, e.g. `CreateStack`; empty when the service has no such call."""
    access_key: str
    """Access key id that signed the request; empty for an unsigned one."""
    text: str
    """All parameters in one decoded text, for faults to match on."""
    subject: str
    """Short description of the call's object for the log, without secrets."""
    dry_run: bool

    @property
    def name(self) -> str:
        """Return the call's name as `service:Action`."""
        return f"{self.service}:{self.action}"

    @property
    def reads(self) -> bool:
        """Return whether the call changes nothing."""
        return self.dry_run or self.action.startswith(("Get", "List", "Describe", "Head", "Validate"))


def read_call(environ: dict[str, Any], body: bytes) -> Call:
    """Parse the call of a WSGI request.

    It never fails: an unknown call has empty fields.
    """
    access_key, service = _credential(environ)
    elsewhere = "HTTP_X_AMZ_TARGET" in environ or "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", "")
    if not access_key and elsewhere:
        service = ""
    form = _form(environ, body)
    action = form.get("Action", "")
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        action = target.rpartition(".")[2]
    path = environ.get("RAW_URI") or environ.get("PATH_INFO", "")
    if not action and service:
        action = _routed_action(service, environ)
        text = path if service == "s3" else f"{path}\n{_decoded(body)}"
        subject = f"{environ['REQUEST_METHOD']} {path}"
        if service == "route53":
            subject += f" {_decoded(body)}"
    elif form:
        text = "\n".join(f"{name}={value}" for name, value in form.items())
        subject = " ".join(
            f"{name}={value}"
            for name, value in form.items()
            if name not in ("Action", "Version") and not name.startswith(_LONG_PARAMETERS)
        )
    else:
        text = _decoded(body)
        # A certificate is imported with its private key, so the log keeps only the names in it.
        subject = _names_in(text)
    return Call(
        service=service,
        action=action,
        access_key=access_key,
        text=text[:_TEXT_LIMIT],
        subject=subject[:_SUBJECT_LIMIT],
        dry_run=form.get("DryRun", "").lower() == "true",
    )


def error_response(call: Call, code: str, message: str, status: int) -> Response:
    """Return the error in the call's own protocol.

    The error for a request of no known service is plain JSON.
    """
    if not call.service:
        return Response(json.dumps({"code": code, "message": message}), status, content_type="application/json")
    model = get_service_model(call.service)
    try:
        operation = model.operation_model(call.action)
    except OperationNotFoundError:
        operation = OperationModel({}, model)
    serializer = get_serializer_class(model.service_name, str(model.protocol))(operation)
    answer = serializer.serialize(AwsError(code, message))
    return Response(answer["body"], status, headers=dict(answer["headers"]))


def request_of(environ: dict[str, Any], body: bytes) -> BackendRequest:
    """Return the request as moto's handlers take it, with a body still to be read."""
    return BackendRequest({**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})


def _credential(environ: dict[str, Any]) -> tuple[str, str]:
    """Return the access key id and service that signed the request.

    They are in a header, or in the query of a presigned URL. An unsigned request can only be for an object of S3.
    """
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    header = environ.get("HTTP_AUTHORIZATION", "")
    scope = query.get("X-Amz-Credential", "")
    if header.startswith("AWS4-HMAC-SHA256") and "Credential=" in header:
        scope = header.partition("Credential=")[2].partition(",")[0]
    parts = scope.split("/")
    if len(parts) == 5:
        name = parts[3].lower()
        return parts[0], _known(_SERVICE_OF_SIGNING_NAME.get(name, name))
    return query.get("AWSAccessKeyId", ""), "s3"


def _known(service: str) -> str:
    try:
        get_service_model(service)
    except UnknownServiceError:
        return ""
    return service


def _form(environ: dict[str, Any], body: bytes) -> dict[str, str]:
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(_decoded(body), keep_blank_values=True))
    return {}


def _routed_action(service: str, environ: dict[str, Any]) -> str:
    try:
        operation, _ = get_service_router(service).match(request_of(environ, b""))
    except (HTTPException, NotImplementedError):
        return ""
    return str(operation.name)


def _decoded(body: bytes) -> str:
    return body[:_TEXT_LIMIT].decode("utf-8", "replace")


def _names_in(text: str) -> str:
    try:
        parameters = json.loads(text or "{}")
    except json.JSONDecodeError:
        return ""
    named = ("CertificateArn", "DomainName", "Name", "Names", "QuotaCode", "ServiceCode")
    return " ".join(f"{name}={parameters[name]}" for name in named if name in parameters)
