"""Document options of modules that handle many CloudFormation stacks.

The options themselves are in module_utils/common/argument_specs.py; a test of the layout compares them.
"""


def _stacks(parameters: str, tags: str) -> str:
    """Document the option C(stacks), with the meaning of parameters and tags."""
    return rf"""
options:
  stacks:
    description: The stacks.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the stack.
        type: str
        required: true
      user:
        description: Key in the result and name in messages; the stack's name when not given.
        type: str
      parameters:
        description: {parameters}
        type: dict
        default: {{}}
      tags:
        description: {tags}
        type: dict
        default: {{}}
  submissions_per_second:
    type: float
    default: 2.0
  timeout:
    description: Seconds after which stacks that are not finished count as failed.
    type: int
    default: 1800
"""


class ModuleDocFragment:
    """Fragment, found by its file's name.

    C(probcomp_stacks.changes) is the fragment CHANGES.
    """

    DOCUMENTATION = _stacks(
        "Values of the template's parameters, as text.",
        "Tags of the stack, which CloudFormation puts on its resources as well. Empty ones are left out.",
    )
    CHANGES = _stacks(
        "Parameters that change, as text. All others keep their value.",
        "Tags that change. All others stay; an empty value removes one.",
    )
