"""Make real input for Molecule's machines, which are containers without a cloud.

usage: python -m rehearsal.inputs make HOME IMAGE...           the files for machines of these container images
       python -m rehearsal.inputs publish HOME NAME=VERSION    a package of the lab's in a new version

Writes HOME/files, which is to be served, and HOME/gpg with the key that signs the apt repository.
"""

import sys
from pathlib import Path

from rehearsal.inputs import InputError, apt_repository, content_archive
from rehearsal.machines import packages
from rehearsal.machines.images import ImageError
from rehearsal.settings import Settings


def make(home: Path, images: list[str]) -> None:
    """Make the apt repository, the content archive, and the wheels for each image.

    Raises InputError and ImageError.
    """
    settings = Settings(home=home)
    files = packages.prepare(settings, images[0], _say)
    for image in images[1:]:
        packages.add_wheels(settings, image, _say)
    content_archive.build(files.folder / "content-package.tgz")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Run one command; return its exit status."""
    try:
        match arguments:
            case ["make", home, *images] if images:
                make(Path(home), images)
            case ["publish", home, package]:
                name, _, version = package.partition("=")
                folder = Path(home)
                apt_repository.publish(packages.apt_folder(folder), packages.gpg_home(folder), {name: version})
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except (ImageError, InputError, ValueError) as error:
        _say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
