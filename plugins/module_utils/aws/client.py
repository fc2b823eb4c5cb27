"""AWS read clients; errors.py has the retries: CLIENT_SETTINGS, retry_transient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from .errors import retry_transient

with suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore.exceptions import BotoCoreError, ClientError

VALUES_PER_FILTER = 200
"""Maximum number of values in an EC2 filter."""


class AwsClients:
    """Clients of the AWS services, made on first use, whose reads are retried.

    `make_client` returns botocore's client of a service and region.
    """

    def __init__(self, make_client: Callable[[str, str], Any], region: str) -> None:
        self.region = region
        self._make_client = make_client
        self._clients: dict[tuple[str, str], Any] = {}

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """Exceptions that a read can raise."""
        return (BotoCoreError, ClientError)

    def client(self, service: str, region: str = "") -> Any:
        """Return the client of `service`, made on first use."""
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = self._make_client(*key)
        return self._clients[key]

    def read(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """Return the response to one request.

        For example `read("acm", "describe_certificate", CertificateArn=...)`.
        """
        call = getattr(self.client(service), operation)
        answer: dict[str, Any] = retry_transient(lambda: call(**request))
        return answer

    def read_all(self, service: str, operation: str, key: str, **request: Any) -> list[dict[str, Any]]:
        """Return the items under `key` from all pages of the response."""
        paginator = self.client(service).get_paginator(operation)
        pages = retry_transient(lambda: list(paginator.paginate(**request)))
        return [item for page in pages for item in page.get(key, [])]

    def instances(self, filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the instances that the EC2 filters choose."""
        groups = self.read_all("ec2", "describe_instances", "Reservations", Filters=filters)
        return [instance for group in groups for instance in group["Instances"]]

    def instances_by_id(self, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the instances with these ids, by id; unknown ids are left out."""
        # A filter, because one unknown id would fail the whole request.
        filters = ([{"Name": "instance-id", "Values": part}] for part in parts(ids))
        return {instance["InstanceId"]: instance for part in filters for instance in self.instances(part)}


def tags_of(resource: dict[str, Any]) -> dict[str, str]:
    """Return the tags of a described resource, by key."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}


def parts(values: Iterable[str]) -> Iterator[list[str]]:
    """Yield the values in parts that an EC2 filter can take."""
    items = list(values)
    for start in range(0, len(items), VALUES_PER_FILTER):
        yield items[start : start + VALUES_PER_FILTER]
