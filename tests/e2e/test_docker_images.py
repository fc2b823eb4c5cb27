"""The stack on a laptop: build both images, run them, open them, end them.

The images are built from the roles' lists and opened in a browser. Packages come from the rehearsal's signed repository
and its index. The images are removed at the end, unless KEEP_REHEARSAL keeps them as the cache of the next run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from rehearsal.inputs.wheels import for_python
from rehearsal.machines import images
from tests.support.laptop import Compose, docker, laptop
from tests.support.workshop import OUTPUT, ROOT, Workshop

NAMESPACE = "probcomp-test"
OWNER = (4321, 8765)
"""User and group of the mounted folder, unknown to this computer and the image."""
PASSWORD = "swing-low-sweet-chariot"
STAGES = "images --quiet --filter dangling=true --filter label=probcomp-stack.stage=environment"
LAB_PACKAGES = yaml.safe_load((ROOT / "roles/apt_probcomp/defaults/main.yml").read_text())["apt_probcomp_packages"]


def base_image() -> str:
    """Return the base image of the rehearsal's own images."""
    if given := os.environ.get("BASE_IMAGE"):
        return given
    names = docker("images --format {{.Repository}}:{{.Tag}}").split()
    return next(name for name in ("ubuntu:24.04", "probcomp-stack/base:debian12") if name in names)


@pytest.fixture(scope="module")
def image(workshop: Workshop) -> Iterator[str]:
    """Provide the image with Jupyter, built by scripts/images."""
    stages = set(docker(STAGES).split())
    facts = workshop.facts
    settings = {
        "IMAGE_NAMESPACE": NAMESPACE,
        "LOCAL_SETTINGS": os.devnull,
        "BASE_IMAGE": base_image(),
        "APT_PROBCOMP_REPOSITORY_URL": facts["apt_repository_url"],
        "APT_PROBCOMP_SUITE": "probcomp",
        "APT_PROBCOMP_KEY": Path(facts["apt_key_file"]).read_text(),
        "JUPYTER_INDEX_URL": facts["jupyter_index_url"],
    }
    started = time.monotonic()
    with (OUTPUT / "images.log").open("w") as log:
        built = subprocess.run(
            ["scripts/images"], cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log, timeout=1500
        )
        print(f"\nbuilt in {time.monotonic() - started:.0f} s", file=log)
    assert built.returncode == 0, (OUTPUT / "images.log").read_text()[-3000:]
    yield f"{NAMESPACE}/ubuntu2404-jupyter"
    if not os.environ.get("KEEP_REHEARSAL"):
        docker("image rm --force", f"{NAMESPACE}/ubuntu2404-jupyter", f"{NAMESPACE}/ubuntu2404")
        if left := set(docker(STAGES).split()) - stages:
            docker("image rm --force", *left, check=False)


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """Provide an empty folder with another owner."""
    folder = tmp_path / "my notebooks"
    folder.mkdir()
    os.chown(folder, *OWNER)
    return folder


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """Provide Docker Compose 2, in a container that reaches the engine.

    It is Debian's package, which Debian has from 13 on.
    """
    folder = tmp_path_factory.mktemp("compose")
    (folder / "other-image.yml").write_text(f"services: {{jupyter: {{image: {NAMESPACE}/ubuntu2404-jupyter}}}}\n")
    name = f"probcomp-test-compose-{os.getpid()}"
    mounts = ["--volume", "/var/run/docker.sock:/var/run/docker.sock", "--volume", f"{ROOT}:{ROOT}:ro"]
    base = images.ensure("debian13", print).replace("/machine:", "/base:")
    docker("run --detach --name", name, *mounts, "--volume", f"{folder}:{folder}", base, "sleep", "infinity")
    try:
        docker(f"exec {name} apt-get update --quiet=2", timeout=300)
        docker(f"exec {name} apt-get install --quiet=2 --no-install-recommends docker-cli docker-compose", timeout=600)
        yield Compose(name, folder)
    finally:
        docker("rm --force --volumes", name, check=False)


def inside(image: str, command: str) -> str:
    """Return the output of a shell command in a fresh container."""
    return docker("run --rm --entrypoint /bin/sh", image, "-c", command)


def test_images_are_made_of_the_roles_lists_and_nothing_more(image: str) -> None:
    installed = inside(f"{NAMESPACE}/ubuntu2404", "dpkg-query -W -f '${Package}\\n'").split()
    assert set(LAB_PACKAGES) <= set(installed)
    assert not {"gcc", "g++", "make", "python3-dev", "python3-pip", "python3-yaml"} & set(installed)
    assert inside(image, "ls /var/lib/apt/lists; ls -d /build /root/.cache /opt/jupyter/.cache 2>/dev/null; true") == ""
    version = inside(image, "python3 -c 'import platform; print(platform.python_version())'").strip()
    text = (ROOT / "roles/jupyter/files/requirements.txt").read_text()
    wanted = {line.split()[0].lower() for line in for_python(text, version).splitlines()}
    found = set(inside(image, "VIRTUAL_ENV=/opt/jupyter uv pip freeze 2>/dev/null").lower().split())
    assert found == wanted
    sizes = docker("images --format {{.Repository}}:{{.Size}}", "--filter", f"reference={NAMESPACE}/*")
    (OUTPUT / "image-sizes.txt").write_text(sizes)


def test_only_what_is_needed_reaches_the_engine(image: str, tmp_path: Path) -> None:
    """The engine gets no secret and no output file.

    The repository's own .dockerignore applies to a folder with every secret and output in it.
    """
    secrets = [
        "jupyter-passwords/ws-1.passwd",
        "logs/ws-1/x.log",
        "backups/ws-1/home.tar.gz",
        ".rehearsal/key",
        ".venv/bin/python",
        "group_vars/all/local.yml",
        "host_vars/alice.yml",
        "known_hosts/ws-1",
        "cards/ws.pdf",
        ".git/config",
        "docker/machine/Dockerfile",
    ]
    needed = ["roles/jupyter/files/requirements.txt", "docker/ubuntu2404/install.sh"]
    for name in [*secrets, *needed]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / ".dockerignore").write_text((ROOT / ".dockerignore").read_text())
    recipe = tmp_path / "docker/ubuntu2404/Dockerfile"
    recipe.write_text(f"FROM {NAMESPACE}/ubuntu2404\nCOPY . /context\n")
    docker(f"build --quiet --tag {NAMESPACE}/context --file {recipe} {tmp_path}")
    try:
        found = inside(f"{NAMESPACE}/context", "cd /context && find . -type f").split()
        assert sorted(found) == sorted(f"./{name}" for name in [*needed, "docker/ubuntu2404/Dockerfile"])
    finally:
        docker(f"image rm --force {NAMESPACE}/context")


def test_a_notebook_made_in_the_browser_belongs_to_the_caller(
    image: str, workshop: Workshop, notebooks: Path, tmp_path: Path
) -> None:
    # Settings in the notebooks' folder, which may come with an archive, do not open the server.
    (notebooks / "jupyter_server_config.json").write_text('{"IdentityProvider": {"token": ""}}')
    with (
        laptop(image, "--volume", f"{notebooks}:/notebook") as server,
        workshop.browser(tmp_path, server.port) as browser,
    ):
        address = server.says(r"http://127\.0\.0\.1:\d+/lab\?token=[0-9a-f]{48}")
        assert server.contents_status() == 403
        server.healthy()
        page = browser.new_page()
        page.goto(address)
        page.click(".jp-LauncherCard[data-category='Notebook']", timeout=90_000)
        page.wait_for_selector("text='Python 3 (ipykernel) | Idle'", timeout=90_000)
        page.click(".jp-Notebook .jp-Cell .cm-content")
        page.keyboard.type("import bayeslite; print(bayeslite.__version__, 6 * 7)")
        page.keyboard.press("Shift+Enter")
        page.wait_for_selector(".jp-OutputArea-output:has-text('42')", timeout=90_000)
        page.keyboard.press("Control+s")
        page.fill(".jp-Dialog input", "laptop.ipynb")
        page.screenshot(path=str(OUTPUT / "laptop-save.png"))
        page.click(".jp-Dialog .jp-mod-accept")
        saved = notebooks / "laptop.ipynb"
        end = time.monotonic() + 30
        while not (saved.exists() and "42" in saved.read_text()):
            assert time.monotonic() < end, sorted(notebooks.iterdir())
            time.sleep(0.3)
        page.screenshot(path=str(OUTPUT / "laptop.png"))
        assert page.locator("text=official Jupyter news").count() == 0, "the news popup, which the role switches off"
        outputs = json.loads(saved.read_text())["cells"][0]["outputs"]
        assert re.fullmatch(r"\d+\.\d+\.\d+ 42\n", "".join(outputs[0]["text"]))
        made = [path for path in notebooks.rglob("*") if path.name != "jupyter_server_config.json"]
        assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {OWNER}
        processes = docker(f"top {server.name} -eo pid,uid,args").splitlines()[1:]
        jupyter = [line for line in processes if "/opt/jupyter" in line]
        assert {line.split()[1] for line in jupyter} == {str(OWNER[0])}, "Jupyter and its kernel run as the caller"
        token = address.partition("token=")[2]
        assert not [line for line in processes if token in line]
        # The kernel still runs here, so the stop has to end it as well.
        started = time.monotonic()
        docker(f"stop --time 30 {server.name}")
        assert time.monotonic() - started < 25, "it was not ended, but killed"
        assert docker(f"inspect --format {{{{.State.ExitCode}}}} {server.name}").strip() == "0"


def test_a_given_password_opens_and_the_users_own_takes_its_place(image: str, notebooks: Path, tmp_path: Path) -> None:
    secret = tmp_path / "alice.passwd"
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o600)
    file = "/run/secrets/jupyter_password"
    options = ["--volume", f"{secret}:{file}:ro", "--env", f"JUPYTER_PASSWORD_FILE={file}"]
    with laptop(image, "--volume", f"{notebooks}:/notebook", *options) as server:
        assert "token=" not in server.says(r"Open http.*")
        assert server.contents_status() == 403
        assert server.opens_with(PASSWORD)
        assert not server.opens_with(f"{PASSWORD}x")
        assert not server.opens_with("")
        processes = docker(f"top {server.name} -eo pid,args")
        everything = server.logs() + docker(f"inspect {server.name}") + processes
        assert PASSWORD not in everything
        assert "argon2" not in everything
        own = "a phrase of her own"
        changed = docker(
            f"exec --interactive --user jupyter {server.name} jupyter server password", stdin=f"{own}\n{own}\n"
        )
        assert "Wrote hashed password" in changed
        mode = docker(f"exec {server.name} stat --format %a:%u", "/home/jupyter/.jupyter/jupyter_server_config.json")
        assert mode.strip() == f"600:{OWNER[0]}"
        docker(f"restart {server.name}")
        server.says(r"(?s)Open http.*Open http")
        assert server.opens_with(own)
        assert not server.opens_with(PASSWORD)
        assert server.contents_status() == 403


def test_compose_serves_the_folder_with_a_token_or_with_a_password_from_a_file(image: str, compose: Compose) -> None:
    folder = compose.folder / "notebooks"
    folder.mkdir()
    os.chown(folder, *OWNER)
    with compose.up(NOTEBOOKS=str(folder)) as server:
        server.healthy()
        address = server.says(r"http://127\.0\.0\.1:\d+/lab\?token=[0-9a-f]{48}")
        assert address.startswith(f"{server.url}/")
        assert server.contents_status() == 403
        token = {"Authorization": f"token {address.partition('token=')[2]}"}
        written = requests.put(
            f"{server.url}/api/contents/made.txt",
            json={"type": "file", "format": "text", "content": "made"},
            headers=token,
            timeout=30,
        )
        assert written.status_code == 201, written.text
        made = folder / "made.txt"
        assert (made.read_text(), made.stat().st_uid) == ("made", OWNER[0])
    assert made.exists()
    secret = compose.folder / "password"
    secret.write_text(f"{PASSWORD}\n")
    files = {"NOTEBOOKS": str(folder), "PASSWORD_FILE": str(secret)}
    with compose.up("docker/compose.password.yml", **files) as server:
        server.healthy()
        assert server.contents_status() == 403
        assert server.opens_with(PASSWORD)
        assert PASSWORD not in server.logs() + docker(f"inspect {server.name}")


def test_as_a_given_user_and_without_a_folder(image: str) -> None:
    uid, gid = OWNER
    options = ["--user", f"{uid}:{gid}", "--env", f"JUPYTER_PASSWORD={PASSWORD}"]
    with laptop(image, *options) as server:
        server.says("Nothing is mounted at /notebook: what you make there goes with this container")
        assert server.contents_status() == 403
        assert server.opens_with(PASSWORD)
        who = "id -u; touch /notebook/a /opt/jupyter/lib/a && stat -c %u /notebook/a"
        assert docker(f"exec {server.name} sh -c", who).split() == [str(uid), str(uid)]
        # The script looks for the password where a kernel could see it.
        seen = """for process in /proc/[0-9]*; do
            grep -q ^/opt/jupyter $process/cmdline && tr '\\0' '\\n' <$process/environ
        done; true"""
        environment = docker(f"exec {server.name} sh -c", seen)
        assert "VIRTUAL_ENV=/opt/jupyter" in environment
        assert PASSWORD not in environment


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--env", "JUPYTER_PASSWORD="], "the password in JUPYTER_PASSWORD is empty"),
        (["--env", "JUPYTER_PASSWORD=short"], "has 5 characters, fewer than 12"),
        (["--env", "JUPYTER_PASSWORD_FILE=/nowhere"], "cannot be read: No such file"),
        (["--volume", "ROOTS:/notebook"], "belongs to root"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(image: str, options: list[str], fault: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    options = [option.replace("ROOTS", str(tmp_path)) for option in options]
    done = subprocess.run(["docker", "run", "--rm", *options, image], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert re.fullmatch(rf"jupyter: .*{re.escape(fault)}.*\n", done.stderr), done.stderr
