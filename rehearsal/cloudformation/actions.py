"""Define the base of CloudFormation's API actions: the request and its stacks."""

from typing import Any

from moto.core.responses import BaseResponse

from rehearsal.cloudformation import requests
from rehearsal.cloudformation.aws_clients import Cloud
from rehearsal.cloudformation.errors import ValidationError
from rehearsal.cloudformation.stacks import STACKS, Stack, Stacks


class Actions(BaseResponse):
    """Base of one request to CloudFormation.

    Methods are named after actions, in snake case, and run with the rehearsal's lock held.
    """

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    @property
    def given(self) -> dict[str, Any]:
        """Return the request's parameters.

        Raises ValidationError for a parameter that would have no effect.
        """
        given: dict[str, Any] = self._get_params()
        requests.refuse_unsupported(self._get_action(), given)
        return given

    @property
    def cloud(self) -> Cloud:
        """Return the account and region of the request."""
        return Cloud(self.current_account, self.region)

    @property
    def stacks(self) -> Stacks:
        """Return all stacks of the request's account and region."""
        return STACKS[self.current_account, self.region]

    def stack(self) -> Stack:
        """Return the stack of the parameter StackName; raise ValidationError if missing."""
        name = self.given.get("StackName")
        if not name:
            raise ValidationError("StackName is required")
        return self.stacks.find(name)
