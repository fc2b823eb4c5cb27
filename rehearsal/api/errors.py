"""Define the rehearsal's own errors, as its API returns them."""

from moto.core.exceptions import ServiceException


class AwsError(ServiceException):
    """An error with the code and message that AWS gives: `AwsError(code, message)`.

    moto looks for the service of an error in the name of the module that its class comes from, and fails on its own
    base class; a class from elsewhere belongs to the service of the request.
    """
