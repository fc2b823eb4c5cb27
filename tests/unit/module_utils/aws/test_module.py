"""The common base of the modules that ask AWS, as ansible-core sees its results."""

from __future__ import annotations

from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule

from tests.support.in_process import answer_of


def warn_and_end() -> None:
    module = AwsModule({})
    module.warn("no room in us-east-1a")
    module.exit_json(changed=False)


def test_a_warning_is_in_the_result_once_and_alone() -> None:
    result = answer_of({}, warn_and_end)
    assert str(result["warnings"]).count("no room in us-east-1a") == 1
    assert not result.get("deprecations"), "a user would read ansible-core's advice to programmers"
