"""Machine images without an engine: names, data, and error messages."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from rehearsal.machines import images


def test_an_unknown_distribution_is_refused_with_the_known_ones() -> None:
    with pytest.raises(images.ImageError, match=r"plan9.*debian12, debian13, ubuntu22\.04, ubuntu24\.04"):
        images.ensure("plan9", print)


def test_an_engine_out_of_reach_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(images.ImageError) as error:
        images.ensure("debian12", print)
    assert "no container engine answers" in str(error.value)
    assert "\n" not in str(error.value)
    assert images.main(["debian12"]) == 1


def test_the_recipe_changes_with_every_file_and_with_the_base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context = tmp_path / "machine"
    shutil.copytree(images.CONTEXT, context)
    monkeypatch.setattr(images, "CONTEXT", context)
    before = images._recipe("sha256:base")
    assert images._recipe("sha256:base") == before
    assert images._recipe("sha256:other") != before
    (context / "files" / "added").write_text("x")
    assert images._recipe("sha256:base") != before


def test_a_failed_step_is_told_with_its_last_words() -> None:
    log = [
        {"stream": "Step 1/2 : FROM x\n"},
        {"stream": "E: Unable to locate package nothing\n"},
        {"error": "The command returned a non-zero code: 100\nmore"},
    ]
    said: list[str] = []
    end = images._follow(log, said.append)
    assert end == "The command returned a non-zero code: 100 (E: Unable to locate package nothing)"
    assert said == ["  Step 1/2 : FROM x"]


def test_every_published_image_has_a_container_image_that_stands_for_it() -> None:
    data = yaml.safe_load(images.DATA.read_text())
    amis = data["amis"]
    assert len({ami["ami_id"] for ami in amis}) == len(amis)
    for ami in amis:
        assert re.fullmatch(r"ami-[0-9a-f]{17}", ami["ami_id"])
        assert ami["machine"] in images.distributions()
        assert ami["parameter"].startswith("/aws/service/")
    for definition in data["machine_images"].values():
        assert "suite" in definition or definition["stand_in"] in data["machine_images"]
