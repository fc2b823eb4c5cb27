"""Common base of the modules that ask AWS."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import boto3_inventory_conn, get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from .client import AwsClients
from .errors import CLIENT_SETTINGS, S3_SETTINGS, explain

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports a missing library.
    from botocore.exceptions import BotoCoreError, ClientError


class AwsModule(AnsibleAWSModule):
    """AnsibleAWSModule with our client settings and one line for an error of AWS."""

    def __init__(self, argument_spec: dict[str, Any], **options: Any) -> None:
        super().__init__(argument_spec=argument_spec, supports_check_mode=True, **options)

    def _should_inject_warnings(self) -> bool:
        """Return False, so that each warning is shown once.

        ansible-core adds the warnings itself, and would warn of a result that has them already.
        """
        return False

    def clients(self) -> AwsClients:
        """Return clients that fail the module on an unknown profile or a missing region."""
        return AwsClients(
            lambda service, region: self.client(service, region=region, config=_settings(service)), self.region or ""
        )

    def raising_clients(self) -> AwsClients:
        """Return clients for code that handles botocore's errors itself.

        An unknown profile or a missing region raises such an error, too.
        """
        region, endpoint, connection = get_aws_connection_info(self)

        def client(service: str, where: str) -> Any:
            options = {"region": where, "endpoint": endpoint, "config": _settings(service), **connection}
            return boto3_inventory_conn(conn_type="client", resource=service, **options)

        return AwsClients(client, region or "")

    @contextlib.contextmanager
    def explained(self, subject: str = "") -> Iterator[None]:
        """Fail the module with one line on an AWS error in the block.

        `subject` begins the line; without one it is the error alone.
        """
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            self.fail_json(msg=f"{subject}: {explain(error)}" if subject else explain(error))


def _settings(service: str) -> dict[str, Any]:
    return S3_SETTINGS if service == "s3" else CLIENT_SETTINGS
