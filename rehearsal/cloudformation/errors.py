"""Define the errors of CloudFormation's API and the failure of a resource."""

import uuid

from botocore.exceptions import ClientError
from moto.core.exceptions import ServiceException


class ValidationError(ServiceException):
    """Error: the request, template, parameter or stack state does not allow the call."""

    code = "ValidationError"


class AlreadyExists(ServiceException):
    """Error: a stack or change set with this name exists already."""

    code = "AlreadyExistsException"


class ChangeSetNotFound(ServiceException):
    """Error: no change set has this name or id."""

    code = "ChangeSetNotFound"


class InvalidChangeSetStatus(ServiceException):
    """Error: the change set cannot be executed in its state."""

    code = "InvalidChangeSetStatus"


class ResourceFailure(Exception):
    """Failure to create, change or delete a resource.

    The text becomes the reason of its event.
    """


def handler_message(message: str, code: str = "GeneralServiceException") -> str:
    """Return a reason in the form of CloudFormation's resource handlers."""
    return f'Resource handler returned message: "{message}" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: {code})'


def reason_of(error: ClientError, service: str) -> str:
    """Return the reason of a resource event for a refused API call.

    `service` is written as in `Ec2`.
    """
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
