"""What the parts of preflight share: the settings they judge, what they found, and how they ask AWS.

Every part finds all it can and goes on; none changes anything at AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils import probcomp_names as names
from ansible.module_utils.probcomp_aws import explain, patiently

with suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore.exceptions import BotoCoreError, ClientError


@dataclass(frozen=True)
class Problem:
    """Something that must be put right first: what is wrong, whose it is ("" for everybody's), what to do."""

    what: str
    fix: str
    user: str = ""

    @property
    def text(self) -> str:
        """The problem in one line."""
        return f"{self.user}: {self.what}: {self.fix}" if self.user else f"{self.what}: {self.fix}"

    def as_data(self) -> dict[str, str]:
        """Return the problem as plain data."""
        return {"what": self.what, "user": self.user, "fix": self.fix, "text": self.text}


@dataclass
class Findings:
    """What was found so far. `notes` need nobody's hand: risks, skipped parts, what could not be looked at."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def problem(self, what: str, fix: str, users: str | Iterable[str] = "") -> None:
        """Add a problem; of many users only the first are named."""
        self.problems.append(Problem(what, fix, users if isinstance(users, str) else people(users)))

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes:
            self.notes.append(text)

    @contextmanager
    def checking(self, subject: str) -> Iterator[None]:
        """Make a problem of an error of AWS within: `subject` could not be looked at, nor what depends on it."""
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            self.problem(f"{subject} cannot be checked", explain(error))


@dataclass(frozen=True)
class Asked:
    """A machine that is asked for. `volume_size` in GiB; `ami` "" means the default image.

    `has_password` is False for one that no user will log in to.
    """

    user: str
    instance: str
    network: str
    volume_size: int
    fleet: str = ""
    ami: str = ""
    has_password: bool = True


@dataclass(frozen=True)
class Settings:
    """What else is wanted; the options of fleet_preflight. `zone` is whatever was given, "" for none."""

    region: str
    zone: Any
    certificate_arn: str
    key_name: str
    private_key_file: str
    admin_cidr: str
    password_directory: str
    password_min_length: int
    image_parameter: str
    account_id: str = ""
    content_url: str = ""
    apt_repository_url: str = ""
    apt_repository_key: str = ""
    vault_password_file: str = ""

    @property
    def usable_zone(self) -> str:
        """The zone, "" when what was given is none."""
        try:
            names.check_zone(self.zone)
        except names.InvalidZone:
            return ""
        return str(self.zone)

    @property
    def stack_domain(self) -> str:
        """The domain below which users have their names, for a line of text also without a usable zone."""
        return names.stack_domain(self.usable_zone or "<zone>")


class Cloud:
    """Reads from AWS with patience for throttling; `make_client` returns botocore's client of a service and region."""

    def __init__(self, make_client: Callable[[str, str], Any], region: str) -> None:
        self.region = region
        self._make_client = make_client
        self._clients: dict[tuple[str, str], Any] = {}

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What a reading can raise."""
        return (BotoCoreError, ClientError)

    def client(self, service: str, region: str = "") -> Any:
        """Return the client of `service`, made at its first use."""
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = self._make_client(*key)
        return self._clients[key]

    def read(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """Return AWS's answer to one request, e.g. `read("acm", "describe_certificate", CertificateArn=...)`."""
        call = getattr(self.client(service), operation)
        answer: dict[str, Any] = patiently(lambda: call(**request))
        return answer

    def read_all(self, service: str, operation: str, key: str, **request: Any) -> list[dict[str, Any]]:
        """Return the list `key` of all pages of AWS's answer."""
        paginator = self.client(service).get_paginator(operation)
        pages = patiently(lambda: list(paginator.paginate(**request)))
        return [item for page in pages for item in page.get(key, [])]


def tags_of(resource: dict[str, Any]) -> dict[str, str]:
    """Return the tags of something as AWS answers them, by key."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}


def people(users: Iterable[str]) -> str:
    """Return the names for one line: all when they are few, else the first and how many more."""
    names = list(users)
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
