"""Makes the files that machines fetch: a signed apt repository and an index of wheels, and tells their addresses."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rehearsal.inputs import apt_repository, wheels
from rehearsal.machines import images
from rehearsal.settings import Settings

_REQUIREMENTS = Path("roles/jupyter/files/requirements.txt")
_WHEELS = Path(".cache/wheels")
"""Below the repository's root: shared by all its rehearsals, and left by their ends."""


@dataclass(frozen=True)
class Files:
    """A folder to serve, and what rehearsal.json tells of it (paths below the served folder)."""

    folder: Path
    apt_path: str
    apt_suite: str
    apt_key_file: Path
    index_path: str


def _served(home: Path) -> Path:
    return home / "files"


def apt_folder(home: Path) -> Path:
    """Where the apt repository of the rehearsal in `home` lies."""
    return _served(home) / "apt"


def gpg_home(home: Path) -> Path:
    """Where the key that signs it lies."""
    return home / "gpg"


def prepare(settings: Settings, image: str, progress: Callable[[str], None]) -> Files:
    """Make the files for machines of this container image; raises InputError."""
    folder = _served(settings.home)
    repository = apt_repository.build(apt_folder(settings.home), gpg_home(settings.home))
    add_wheels(settings, image, progress)
    return Files(folder, "/apt", repository.suite, repository.key_file, "/wheels/")


def add_wheels(settings: Settings, image: str, progress: Callable[[str], None]) -> None:
    """Make the wheels for the Python of this container image served beside those that are; raises InputError."""
    wheels.build(
        settings.root / _REQUIREMENTS,
        _served(settings.home) / "wheels",
        cache=settings.root / _WHEELS,
        python_version=images.python_version(image),
        progress=progress,
    )
