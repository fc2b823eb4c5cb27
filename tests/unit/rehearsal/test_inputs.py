"""The rehearsal's inputs are real.

apt's own tools accept the repository, the installer and pip install.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pip
import pytest

from rehearsal.inputs import InputError, apt_repository, content_archive, wheels
from rehearsal.inputs.__main__ import main as inputs_main
from rehearsal.machines import packages
from rehearsal.machines.file_server import FileServer

needs_packaging_tools = pytest.mark.skipif(
    not (shutil.which("dpkg-deb") and shutil.which("gpg")), reason="dpkg-deb and gpg make the repository"
)


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> apt_repository.AptRepository:
    folder = tmp_path_factory.mktemp("apt")
    # The folder is deep, as a checkout may be: gpg's sockets do not take long paths.
    return apt_repository.build(folder / "repository", folder / ("deep" * 20) / "gpg")


@needs_packaging_tools
def test_the_release_is_signed_with_the_published_key(repository: apt_repository.AptRepository, tmp_path: Path) -> None:
    keyring = tmp_path / "key.gpg"
    run("gpg", "--homedir", str(tmp_path), "--output", str(keyring), "--dearmor", str(repository.key_file))
    release = repository.path / "dists" / repository.suite / "InRelease"
    run("gpgv", "--keyring", str(keyring), str(release))
    forged = tmp_path / "forged"
    forged.write_text(release.read_text().replace("Origin: probcomp", "Origin: somebody"))
    assert subprocess.run(["gpgv", "--keyring", str(keyring), str(forged)], capture_output=True, check=False).returncode


@needs_packaging_tools
def test_no_agent_is_left(repository: apt_repository.AptRepository) -> None:
    """No agent is left: one whose home is gone would hold memory for ever."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            commands.append((process / "cmdline").read_bytes())
    assert not any(b"gpg-agent" in command and b"/gpg-" in command for command in commands)


@needs_packaging_tools
def test_a_package_holds_a_module_that_works(repository: apt_repository.AptRepository, tmp_path: Path) -> None:
    assert set(repository.packages) == {
        "probcomp-ubuntu-keyring", "python-bayeslite", "python-cgpm", "python-crosscat", "python-iventure",
        "python-pytest", "python-venture",
    }  # fmt: skip
    for package in (repository.path / "pool").glob("*.deb"):
        run("dpkg-deb", "--extract", str(package), str(tmp_path))
    modules = tmp_path / "usr/lib/python3/dist-packages"
    code = (
        "import bayeslite; p = bayeslite.Population([{'a': 'x'}, {'a': 'x'}]); print(p.estimate_probability('a', 'x'))"
    )
    assert float(run(sys.executable, "-c", code, PYTHONPATH=str(modules))) == 0.75
    assert "5 modules in place" in run(sys.executable, "-m", "probcomp_pytest", PYTHONPATH=str(modules))
    assert not (modules / "pytest.py").exists()
    assert (tmp_path / apt_repository.KEYRING).stat().st_size > 100


@needs_packaging_tools
def test_an_upgrade_comes_under_the_same_key(tmp_path: Path) -> None:
    first = apt_repository.build(tmp_path / "apt", tmp_path / "gpg")
    key = first.key_file.read_bytes()
    second = apt_repository.build(tmp_path / "apt", tmp_path / "gpg", {"python-bayeslite": "0.4"})
    assert second.key_file.read_bytes() == key
    assert "Version: 0.4\n" in (second.path / "dists/probcomp/main/binary-amd64/Packages").read_text()
    with pytest.raises(ValueError, match="python-nothing"):
        apt_repository.build(tmp_path / "apt", tmp_path / "gpg", {"python-nothing": "1"})


@needs_packaging_tools
def test_a_package_is_published_beside_those_that_were(tmp_path: Path) -> None:
    apt_repository.build(tmp_path / "apt", tmp_path / "gpg")
    apt_repository.publish(tmp_path / "apt", tmp_path / "gpg", {"python-cgpm": "0.3~rc1-2"})
    later = apt_repository.publish(tmp_path / "apt", tmp_path / "gpg", {"python-venture": "0.6"})
    versions = apt_repository.published(tmp_path / "apt")
    assert (versions["python-cgpm"], versions["python-venture"], versions["python-crosscat"]) == (
        "0.3~rc1-2",
        "0.6",
        "0.1.56",
    )
    subprocess.run(["dpkg-deb", "-x", later.path / "pool/python-cgpm_0.3~rc1-2_all.deb", tmp_path / "x"], check=True)
    assert '__version__ = "0.3~rc1-2"' in (tmp_path / "x/usr/lib/python3/dist-packages/cgpm.py").read_text()
    with pytest.raises(ValueError, match="no version"):
        apt_repository.publish(tmp_path / "apt", tmp_path / "gpg", {"python-cgpm": "../1"})


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="dpkg-deb is missing"):
        apt_repository.build(tmp_path / "apt", tmp_path / "gpg")


def test_the_archive_is_the_same_every_time_and_unpacks_safely(tmp_path: Path) -> None:
    first = content_archive.build(tmp_path / "one.tgz").read_bytes()
    assert content_archive.build(tmp_path / "two.tgz").read_bytes() == first
    assert content_archive.build(tmp_path / "three.tgz", version="2.0").read_bytes() != first
    with tarfile.open(tmp_path / "one.tgz") as archive:
        names = archive.getnames()
        archive.extractall(tmp_path / "home", filter="data")
    assert {name.split("/")[0] for name in names} == {"notebook", "gen"}
    assert os.access(tmp_path / "home/gen/install.sh", os.X_OK)
    notebook = json.loads((tmp_path / "home/notebook/welcome.ipynb").read_text())
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code[0] == "1 + 1"
    assert code[1].startswith("import bayeslite\n")


def test_the_notebook_s_code_runs(tmp_path: Path) -> None:
    archive = content_archive.build(tmp_path / "content.tgz")
    shutil.unpack_archive(archive, tmp_path / "home", filter="data")
    notebook = json.loads((tmp_path / "home/notebook/welcome.ipynb").read_text())
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    wheel = next((tmp_path / "home/gen").glob("*.whl"))
    path = f"{apt_repository.MODULES}:{wheel}"
    (tmp_path / "home/notebook/code.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "code.py"], cwd=tmp_path / "home/notebook", env=os.environ | {"PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "20 satellites" in done.stdout
    assert "The tour, version 1.0, is installed." in done.stdout


def test_the_installer_installs_as_the_account_and_again_changes_nothing(tmp_path: Path) -> None:
    shutil.unpack_archive(content_archive.build(tmp_path / "content.tgz"), tmp_path / "home", filter="data")
    run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv"))
    environment = {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{tmp_path / 'venv/bin'}:{os.environ['PATH']}",
        # pip of the test's own environment stands for the one in the machine's venv.
        "PYTHONPATH": str(Path(pip.__path__[0]).parent),
        "XDG_DATA_HOME": "",
    }
    for _ in range(2):
        assert "installed content 1.0" in run(str(tmp_path / "home/gen/install.sh"), **environment)
    greeting = run(
        str(tmp_path / "venv/bin/python"), "-c", "import probcomp_tour as t; print(t.greeting())", PYTHONPATH=""
    )
    assert "version 1.0" in greeting
    kernel = json.loads((tmp_path / "home/.local/share/jupyter/kernels/probcomp/kernel.json").read_text())
    assert kernel["display_name"] == "Probabilistic computing 1.0"


LIST = """\
# a comment
alpha==1.0 \\
    --hash=sha256:{first} \\
    --hash=sha256:{second}
beta==2.0 ; python_full_version < '3.11' \\
    --hash=sha256:{second}
gamma[x]==3.0 ; sys_platform == 'win32' \\
    --hash=sha256:{second}
""".format(first="a" * 64, second="b" * 64)  # fmt: skip


def test_the_list_is_read_for_the_machine_s_python() -> None:
    old, new = wheels.for_python(LIST, "3.10.12"), wheels.for_python(LIST, "3.11.2")
    assert [line.split()[0] for line in old.splitlines()] == ["alpha==1.0", "beta==2.0"]
    assert [line.split()[0] for line in new.splitlines()] == ["alpha==1.0"]
    assert new.count("--hash=sha256:") == 2


def test_pip_installs_from_the_served_index_by_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip installs from the served index by hash.

    The wheel is put where a download would have put it.
    """
    cache = tmp_path / "cache"
    cache.mkdir()
    with tarfile.open(content_archive.build(tmp_path / "content.tgz")) as archive:
        member = next(item for item in archive if item.name.endswith(".whl"))
        stream = archive.extractfile(member)
        assert stream
        wheel = cache / Path(member.name).name
        wheel.write_bytes(stream.read())
    digest = run("sha256sum", str(wheel)).split()[0]
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"probcomp-tour==1.0 \\\n    --hash=sha256:{digest}\n")
    (cache / "stray-1.0-py3-none-any.whl").write_bytes(wheel.read_bytes() + b"other")
    said: list[str] = []
    # The download reaches no registry: the wheel is found among the links.
    with monkeypatch.context() as patch:
        patch.setenv("PIP_FIND_LINKS", str(cache))
        patch.setenv("PIP_NO_INDEX", "1")
        for _ in range(2):
            wheels.build(
                requirements,
                tmp_path / "served/simple",
                cache=cache,
                python_version="3.11.2",
                progress=said.append,
            )
    assert len(said) == 1
    server = FileServer(tmp_path / "served", "127.0.0.1")
    server.start()
    try:
        address = f"http://127.0.0.1:{server.port}/simple/"
        with urllib.request.urlopen(address) as answer:
            assert "stray" not in answer.read().decode()
        run(
            sys.executable, "-m", "pip", "install", "--isolated", "--require-hashes", f"--index-url={address}",
            f"--target={tmp_path / 'installed'}", f"--requirement={requirements}",
        )  # fmt: skip
    finally:
        server.stop()
    assert (tmp_path / "installed/probcomp_tour.py").exists()
    assert zipfile.is_zipfile(wheel)


@needs_packaging_tools
def test_a_package_is_published_without_a_rehearsal(tmp_path: Path) -> None:
    apt_repository.build(packages.apt_folder(tmp_path), packages.gpg_home(tmp_path))
    key = (packages.apt_folder(tmp_path) / "archive-key.asc").read_text()
    assert inputs_main(["publish", str(tmp_path), "python-cgpm=0.3.7"]) == 0
    assert apt_repository.published(packages.apt_folder(tmp_path))["python-cgpm"] == "0.3.7"
    assert (packages.apt_folder(tmp_path) / "archive-key.asc").read_text() == key


@pytest.mark.parametrize("package", ["python-cgpm", "python-cgpm=new", "nothing=1.0"])
def test_a_package_that_is_none_is_refused_in_one_line(
    package: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (packages.apt_folder(tmp_path) / "pool").mkdir(parents=True)
    assert inputs_main(["publish", str(tmp_path), package]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_wheels_that_cannot_be_had_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"probcomp-nothing==1.0 \\\n    --hash=sha256:{'a' * 64}\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(InputError) as error:
        wheels.build(
            requirements, tmp_path / "simple", cache=tmp_path / "cache", python_version="3.11.2", progress=print
        )
    assert "Python 3.11.2 cannot be downloaded" in str(error.value)
    assert "\n" not in str(error.value)


def test_files_can_be_read_and_not_changed(tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("hello")
    server = FileServer(tmp_path, "127.0.0.1")
    server.start()
    try:
        address = f"http://127.0.0.1:{server.port}/"
        with urllib.request.urlopen(f"{address}hello") as answer:
            assert answer.read() == b"hello"
        with urllib.request.urlopen(address) as answer:
            assert b"hello" in answer.read()
        for method in ("PUT", "DELETE", "POST"):
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(urllib.request.Request(f"{address}hello", method=method))
            assert error.value.code == 501
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{address}../secret")
    finally:
        server.stop()
