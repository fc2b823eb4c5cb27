"""Serve CloudFormation's API.

The server routes every request for the service here. Requests run with the rehearsal's lock held.
"""

from rehearsal.cloudformation.change_set_actions import ChangeSetActions
from rehearsal.cloudformation.name_sets import words
from rehearsal.cloudformation.read_actions import ReadActions
from rehearsal.cloudformation.write_actions import WriteActions

ACTIONS = words(
    "CreateStack UpdateStack DeleteStack DescribeStacks ListStacks DescribeStackEvents "
    "DescribeStackResources DescribeStackResource ListStackResources GetTemplate GetTemplateSummary "
    "ValidateTemplate CreateChangeSet DescribeChangeSet ListChangeSets ExecuteChangeSet DeleteChangeSet "
    "SetStackPolicy GetStackPolicy UpdateTerminationProtection"
)
"""The supported actions; all others are refused."""


class CloudFormationApi(ReadActions, WriteActions, ChangeSetActions):
    """One request to CloudFormation."""
