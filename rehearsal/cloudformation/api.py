"""Serve CloudFormation's API.

The server routes every request for the service here. Requests run with the rehearsal's lock held.
"""

from rehearsal.cloudformation.change_set_actions import ChangeSetActions
from rehearsal.cloudformation.read_actions import ReadActions
from rehearsal.cloudformation.write_actions import WriteActions


class CloudFormationApi(ReadActions, WriteActions, ChangeSetActions):
    """One request to CloudFormation."""
