"""What the actions of CloudFormation's API have in common: the request, and the stacks that it may see."""

from typing import Any

from moto.core.responses import BaseResponse

from rehearsal.cloudformation import requests
from rehearsal.cloudformation.aws_clients import Cloud
from rehearsal.cloudformation.errors import ValidationError
from rehearsal.cloudformation.stacks import STACKS, Stack, Stacks


class Actions(BaseResponse):
    """One request. Methods are named after actions, in snake case, and run with the rehearsal's lock held."""

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    @property
    def given(self) -> dict[str, Any]:
        """The request's parameters; raises ValidationError if there is one that would have no effect."""
        given: dict[str, Any] = self._get_params()
        requests.refuse_unsupported(self._get_action(), given)
        return given

    @property
    def cloud(self) -> Cloud:
        """The account and region of the request."""
        return Cloud(self.current_account, self.region)

    @property
    def stacks(self) -> Stacks:
        """All stacks there."""
        return STACKS[self.current_account, self.region]

    def stack(self) -> Stack:
        """The stack that StackName names; raises ValidationError when there is none."""
        name = self.given.get("StackName")
        if not name:
            raise ValidationError("StackName is required")
        return self.stacks.find(name)
