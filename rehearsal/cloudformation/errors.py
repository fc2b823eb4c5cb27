"""The errors that CloudFormation answers with, and the one that a resource fails with."""

import uuid

from botocore.exceptions import ClientError
from moto.core.exceptions import ServiceException


class ValidationError(ServiceException):
    """The request, template, parameter or state of the stack does not allow what was asked."""

    code = "ValidationError"


class AlreadyExists(ServiceException):
    """There is a stack or change set of that name."""

    code = "AlreadyExistsException"


class ChangeSetNotFound(ServiceException):
    """There is no change set of that name or id."""

    code = "ChangeSetNotFound"


class InvalidChangeSetStatus(ServiceException):
    """The change set cannot be executed as it is."""

    code = "InvalidChangeSetStatus"


class ResourceFailure(Exception):
    """A resource could not be made, changed or deleted; the text becomes the reason of its event."""


def handler_message(message: str, code: str = "GeneralServiceException") -> str:
    """A reason in the form that CloudFormation's resource handlers give theirs."""
    return f'Resource handler returned message: "{message}" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: {code})'


def reason_of(error: ClientError, service: str) -> str:
    """The reason of a resource event for an API call that was refused; `service` as in `Ec2`."""
    details = error.response["Error"]
    code = details.get("Code", "Unknown")
    if "NotFound" in code:
        kind = "NotFound"
    elif "Duplicate" in code or code == "PriorityInUse":
        kind = "AlreadyExists"
    else:
        kind = "InvalidRequest"
    request = f"(Service: {service}, Status Code: 400, Request ID: {uuid.uuid4()})"
    return handler_message(f"{details.get('Message', code)} {request}", kind)
