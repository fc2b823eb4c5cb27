"""Build the rehearsal's content archive: notebooks and the installer.

The role `marco` runs the installer. The same call gives the same bytes, so that a second start of the rehearsal
publishes nothing new.
"""

import base64
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

SOURCE = Path(__file__).parent / "content"
EPOCH = 1735689600
"""Modification time of every file: 2025-01-01 in seconds since 1970."""
WHEEL_NAME = "probcomp_tour"


def build(target: Path, version: str = "1.0") -> Path:
    """Write the archive to `target` and return it.

    Its top holds `notebook/` and `gen/`. Another `version` gives another text in the notebook and another version of
    what the installer installs.
    """
    files = {
        "notebook/welcome.ipynb": (_notebook(version), 0o644),
        "notebook/satellites.csv": ((SOURCE / "satellites.csv").read_bytes(), 0o644),
        "gen/install.sh": ((SOURCE / "install.sh").read_bytes(), 0o755),
        "gen/version": (f"{version}\n".encode(), 0o644),
        f"gen/{WHEEL_NAME}-{version}-py3-none-any.whl": (_wheel(version), 0o644),
    }
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for folder in ("gen", "notebook"):
            archive.addfile(_member(folder, 0o755, tarfile.DIRTYPE))
        for name, (content, mode) in sorted(files.items()):
            member = _member(name, mode, tarfile.REGTYPE)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(raw.getvalue(), mtime=EPOCH))
    return target


def _member(name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mode, member.type, member.mtime = mode, kind, EPOCH
    return member


def _notebook(version: str) -> bytes:
    """Return a notebook that computes, imports the lab's packages and reads data.

    The data lie beside it.
    """
    cells = [
        ("markdown", f"# Welcome\n\nContent version {version}. Run the cells from top to bottom."),
        ("code", "1 + 1"),
        (
            "code",
            "import bayeslite\n\n"
            'satellites = bayeslite.read_csv("satellites.csv")\n'
            'print(f"bayeslite {bayeslite.__version__}: {len(satellites.rows)} satellites")\n'
            "print(f\"P(orbit = GEO) = {satellites.estimate_probability('orbit', 'GEO'):.2f}\")\n"
            "print(f\"orbit tells {satellites.estimate_dependence('orbit', 'purpose'):.2f} bits about purpose\")",
        ),
        ("code", f"import {WHEEL_NAME}\n\nprint({WHEEL_NAME}.greeting())"),
    ]
    document = {
        "cells": [_cell(number, kind, text) for number, (kind, text) in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def _cell(number: int, kind: str, text: str) -> dict[str, object]:
    cell: dict[str, object] = {
        "cell_type": kind,
        "id": f"welcome-{number}",
        "metadata": {},
        "source": text.splitlines(keepends=True),
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _wheel(version: str) -> bytes:
    """Return a wheel of one module, written by hand.

    A wheel is a zip file, which needs no build tool.
    """
    information = f"{WHEEL_NAME}-{version}.dist-info"
    module = (SOURCE / f"{WHEEL_NAME}.py").read_text().replace("@version@", version)
    files = {
        f"{WHEEL_NAME}.py": module,
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {WHEEL_NAME.replace('_', '-')}\nVersion: {version}\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: rehearsal\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text.encode())}\n" for name, text in files.items())
    files[f"{information}/RECORD"] = f"{record}{information}/RECORD,,\n"
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, date_time=(2025, 1, 1, 0, 0, 0)), text)
    return raw.getvalue()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
