"""Build the container images that stand for machine images.

They are built on a base image that may need no registry. By hand, run:

  python -m rehearsal.machines.images debian12

It changes the container engine's images `probcomp-stack/base` and `probcomp-stack/machine`, and as root installs
mmdebstrap where it is missing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import docker
import docker.errors
import requests
import urllib3
import yaml

Progress = Callable[[str], None]

DATA = Path(__file__).parents[1] / "data" / "images.yml"
CONTEXT = Path(__file__).parents[2] / "docker" / "machine"
BASE_REPOSITORY = "probcomp-stack/base"
MACHINE_REPOSITORY = "probcomp-stack/machine"
RECIPE_LABEL = "probcomp-stack.recipe"
DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PULL_SILENCE = 20
"""Seconds without data from the registry after which a pull is given up."""
BUILD_SILENCE = 600
"""Maximum duration in seconds of a build step without output."""
SIGN_OF_LIFE = 5
"""Seconds after which a long build step reports its progress."""

_building = threading.Lock()
_refused: set[str] = set()
"""Images that could not be pulled, so that forty machines do not try forty times."""


class ImageError(RuntimeError):
    """Error: an image cannot be made; the text is one line for the user."""


def distributions() -> list[str]:
    """Return the names that `ensure` accepts."""
    return list(_definitions())


def ensure(distribution: str, progress: Progress) -> str:
    """Return the tag of a distribution's machine image, and build it if needed.

    It is built when it is missing or its recipe changed. For Ubuntu the answer may be a Debian image, where no
    registry is in reach. The environment variable BASE_IMAGE names a base to use instead. Raises ImageError.
    """
    definitions = _definitions()
    if distribution not in definitions:
        raise ImageError(f"no machine image is called {distribution!r}: choose one of {', '.join(definitions)}")
    with _building, _engine(BUILD_SILENCE) as engine:
        given = os.environ.get("BASE_IMAGE", "")
        if given:
            return _machine(engine, distribution, _given_base(engine, given, progress), progress)
        definition = definitions[distribution]
        if "pull" in definition:
            if _present(engine, definition["pull"]) or _pull(engine, definition["pull"], progress):
                return _machine(engine, distribution, definition["pull"], progress)
            progress(f"{definition['stand_in']}, made of Debian's packages, stands in for it")
            distribution = definition["stand_in"]
            definition = definitions[distribution]
        base = f"{BASE_REPOSITORY}:{distribution}"
        if not _present(engine, base):
            _bootstrap(engine, definition["suite"], base, progress)
        return _machine(engine, distribution, base, progress)


def python_version(tag: str) -> str:
    """Return the full Python version of this image's machines, e.g. `3.11.2`.

    It decides which wheels they get.
    """
    with _engine(BUILD_SILENCE) as engine:
        command = ["python3", "-c", "import platform; print(platform.python_version())"]
        answer = engine.containers.run(tag, command, remove=True, network_disabled=True)
    return str(answer.decode().strip())


def _definitions() -> dict[str, dict[str, str]]:
    definitions: dict[str, dict[str, str]] = yaml.safe_load(DATA.read_text())["machine_images"]
    return definitions


class _engine:
    """Context manager for a client of the container engine.

    Raises ImageError when the engine does not answer.
    """

    def __init__(self, timeout: int) -> None:
        self._timeout = timeout

    def __enter__(self) -> docker.DockerClient:
        try:
            self._client = docker.from_env(timeout=self._timeout)
        except docker.errors.DockerException as error:
            raise ImageError(f"no container engine answers ({error}): start it, e.g. by make setup") from error
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _present(engine: docker.DockerClient, tag: str) -> bool:
    try:
        engine.images.get(tag)
    except docker.errors.ImageNotFound:
        return False
    return True


def _given_base(engine: docker.DockerClient, tag: str, progress: Progress) -> str:
    if not _present(engine, tag) and not _pull(engine, tag, progress):
        raise ImageError(f"BASE_IMAGE={tag} is not in the container engine and cannot be pulled")
    return tag


def _pull(engine: docker.DockerClient, tag: str, progress: Progress) -> bool:
    """Pull an image, at most once in a process after a failure.

    A computer without access to a registry must not wait for one again.
    """
    if tag in _refused:
        return False
    _refused.add(tag)
    progress(f"pulling {tag}")
    try:
        with _engine(PULL_SILENCE) as impatient:
            for line in impatient.api.pull(tag, stream=True, decode=True):
                if "error" in line:
                    return _no_pull(tag, line["error"], progress)
    except docker.errors.APIError as error:
        return _no_pull(tag, str(error.explanation), progress)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        return _no_pull(tag, str(error), progress)
    _refused.discard(tag)
    return _present(engine, tag)


def _no_pull(tag: str, reason: str, progress: Progress) -> bool:
    progress(f"{tag} cannot be pulled: {_first_line(reason)}")
    return False


def _bootstrap(engine: docker.DockerClient, suite: str, tag: str, progress: Progress) -> None:
    """Make a Debian base image from packages.

    mmdebstrap uses Debian's own mirror by default.
    """
    _install_mmdebstrap(progress)
    progress(f"bootstrapping {tag} from Debian's packages ({suite}); about half a minute")
    with tempfile.TemporaryDirectory(prefix="probcomp-base-") as folder:
        archive = Path(folder) / "base.tar"
        command = ["mmdebstrap", "--variant=minbase", f"--keyring={DEBIAN_KEYRING}", suite, str(archive)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            lines = _relay(process.stderr or (), progress)
        if process.returncode:
            raise ImageError(f"mmdebstrap could not make {tag}: {lines[-1] if lines else 'it said nothing'}")
        try:
            engine.api.import_image_from_file(str(archive), *tag.split(":"))
        except docker.errors.APIError as error:
            raise ImageError(f"the engine does not take the base image {tag}: {_first_line(str(error))}") from error


def _relay(lines: Iterable[str], progress: Progress) -> list[str]:
    """Report mmdebstrap's steps without its progress bars; return all lines."""
    kept = []
    for line in lines:
        text = line.strip()
        if text.startswith(("I: ", "E: ", "W: ")):
            kept.append(text)
            progress(f"  {text[3:]}")
    return kept


def _install_mmdebstrap(progress: Progress) -> None:
    if shutil.which("mmdebstrap") and DEBIAN_KEYRING.exists():
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ImageError("mmdebstrap is missing: install the packages mmdebstrap and debian-archive-keyring")
    progress("installing mmdebstrap")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "install", "--no-install-recommends", "mmdebstrap", "debian-archive-keyring"],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"mmdebstrap cannot be installed: {_last_line(done.stderr)}")


def _machine(engine: docker.DockerClient, name: str, base: str, progress: Progress) -> str:
    tag = f"{MACHINE_REPOSITORY}:{name}"
    recipe = _recipe(engine.images.get(base).id)
    if _present(engine, tag) and engine.images.get(tag).labels.get(RECIPE_LABEL) == recipe:
        return tag
    progress(f"building {tag} on {base}")
    try:
        # The classic builder is used because every engine since 20.10 has it without further packages.
        log = engine.api.build(
            path=str(CONTEXT),
            tag=tag,
            buildargs={"BASE_IMAGE": base},
            labels={RECIPE_LABEL: recipe},
            rm=True,
            forcerm=True,
            decode=True,
        )
        last = _follow(log, progress)
    except (docker.errors.APIError, requests.RequestException) as error:
        raise ImageError(f"{tag} cannot be built: {_first_line(str(error))}") from error
    if last:
        raise ImageError(f"{tag} cannot be built: {last}")
    progress(f"{tag} is ready")
    return tag


def _follow(log: Iterable[dict[str, str]], progress: Progress) -> str:
    """Report the build's steps; return the error that ended it, or ''.

    A long step also reports its progress.
    """
    message = ""
    shown = time.monotonic()
    for line in log:
        if "error" in line:
            return f"{_first_line(line['error'])} ({message})"
        text = line.get("stream", "").strip()
        if text.startswith("Step "):
            progress(f"  {text.splitlines()[0][:100].strip()}")
            shown = time.monotonic()
        elif text and not text.startswith("--->"):
            message = _last_line(text)
            if time.monotonic() - shown > SIGN_OF_LIFE:
                progress(f"    {message[:100]}")
                shown = time.monotonic()
    return ""


def _recipe(base_id: str) -> str:
    """Return a hash of all that the image is made of."""
    digest = hashlib.sha256(base_id.encode())
    for path in sorted(CONTEXT.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(CONTEXT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[0][:200]


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1][:200]


def main(arguments: list[str]) -> int:
    """Build the named images, or all; return the exit status."""
    try:
        for name in arguments or distributions():
            print(ensure(name, lambda line: print(line, file=sys.stderr, flush=True)), flush=True)
    except ImageError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
