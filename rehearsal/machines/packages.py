"""Make the files that machines fetch, and return their addresses.

They are a signed apt repository and an index of wheels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rehearsal.inputs import apt_repository, wheels
from rehearsal.machines import images
from rehearsal.settings import Settings

_REQUIREMENTS = Path("roles/jupyter/files/requirements.txt")
_WHEELS = Path(".cache/wheels")
"""Path of the wheels' cache below the repository's root.

All rehearsals of the checkout share it, and it stays when they end.
"""


@dataclass(frozen=True)
class Files:
    """A folder to serve, and its entries in rehearsal.json.

    Paths are below the served folder.
    """

    folder: Path
    apt_path: str
    apt_suite: str
    apt_key_file: Path
    index_path: str


def _served(home: Path) -> Path:
    return home / "files"


def apt_folder(home: Path) -> Path:
    """Return the path of the apt repository of the rehearsal in `home`."""
    return _served(home) / "apt"


def gpg_home(home: Path) -> Path:
    """Return the path of the signing key of the rehearsal in `home`."""
    return home / "gpg"


def prepare(settings: Settings, image: str, progress: Callable[[str], None]) -> Files:
    """Make the files for machines of this container image.

    Raises InputError.
    """
    folder = _served(settings.home)
    repository = apt_repository.build(apt_folder(settings.home), gpg_home(settings.home))
    add_wheels(settings, image, progress)
    return Files(folder, "/apt", repository.suite, repository.key_file, "/wheels/")


def add_wheels(settings: Settings, image: str, progress: Callable[[str], None]) -> None:
    """Add the wheels for the Python of this container image to the served ones.

    Raises InputError.
    """
    wheels.build(
        settings.root / _REQUIREMENTS,
        _served(settings.home) / "wheels",
        cache=settings.root / _WHEELS,
        python_version=images.python_version(image),
        progress=progress,
    )
