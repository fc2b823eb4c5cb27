"""The common base of the modules that ask AWS, as ansible-core sees its results."""

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule


def test_a_warning_is_in_the_result_once_and_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with patch_module_args({}):
        module = AwsModule({})
        module.warn("no room in us-east-1a")
        with pytest.raises(SystemExit):
            module.exit_json(changed=False)
    result = json.loads(capsys.readouterr().out)
    assert str(result["warnings"]).count("no room in us-east-1a") == 1
    assert not result.get("deprecations"), "a user would read ansible-core's advice to programmers"
