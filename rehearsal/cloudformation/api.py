"""CloudFormation's API, complete: the server routes every request for the service here, with the lock held."""

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
"""The actions that are answered; all others are to be refused."""


class CloudFormationApi(ReadActions, WriteActions, ChangeSetActions):
    """One request to CloudFormation."""
