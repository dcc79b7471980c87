"""The wheel and the sdist hold everything, and what they install runs without the checkout. Built offline, by the hatchling at hand."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import labmodels
from labmodels.starter import starter_files

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LABMODELS", "PYTHON"))}
    return subprocess.run(command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False)


def build(kind: str, source: Path, folder: Path) -> Path:
    built = run(sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(folder), str(source), cwd=folder)
    assert built.returncode == 0, built.stdout + built.stderr
    (archive,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def command(wheel, tmp_path_factory) -> str:
    """The `labmodels` command of an environment that holds the wheel; dependencies come from this environment, labmodels does not."""
    home = tmp_path_factory.mktemp("installed")
    assert run(sys.executable, "-m", "venv", "--without-pip", str(home), cwd=home).returncode == 0
    python = str(home / "bin" / "python")
    installed = run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-index", "--no-deps", str(wheel), cwd=home)
    assert installed.returncode == 0, installed.stderr
    # A path in a .pth file adds a folder but reads none of the .pth files in it, so the editable checkout stays out of sight.
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return str(home / "bin" / "labmodels")


def test_the_installed_command_is_not_the_checkout(command, tmp_path):
    where = run(str(Path(command).with_name("python")), "-c", "import labmodels; print(labmodels.__file__)", cwd=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(Path(command).parent.parent), where.stdout + where.stderr


def test_the_installed_command_says_its_version(command, tmp_path):
    said = run(command, "--version", cwd=tmp_path)
    assert (said.returncode, said.stdout) == (0, f"labmodels {labmodels.__version__}\n"), said.stderr


def test_a_lab_laid_out_by_the_installed_command_validates_outside_the_checkout(command, tmp_path):
    lab = tmp_path / "lab"
    laid_out = run(command, "init", str(lab), cwd=tmp_path)
    assert laid_out.returncode == 0, laid_out.stderr
    validated = run(command, "validate-config", cwd=lab)
    assert validated.returncode == 0, validated.stdout + validated.stderr


def test_the_wheel_carries_the_starter_lab_and_the_type_marker(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if name.startswith("labmodels/starter/")} == {f"labmodels/starter/{name}" for name in starter_files()}
    assert "labmodels/py.typed" in names


def test_the_wheel_has_nothing_outside_its_package(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    stray = [name for name in names if not name.startswith(("labmodels/", f"labmodels-{labmodels.__version__}.dist-info/"))]
    assert not stray


def test_the_sdist_builds_the_same_wheel(wheel, sdist, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    (tmp_path / "rebuilt").mkdir()
    rebuilt = build("wheel", source, tmp_path / "rebuilt")
    assert rebuilt.read_bytes() == wheel.read_bytes()


def test_the_changelog_opens_with_this_version():
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    assert headings[0].split()[1] == labmodels.__version__


def test_every_requirement_is_pinned_once_in_the_constraints():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for group in (project["project"]["optional-dependencies"], project["dependency-groups"]):
        asked += [requirement for requirements in group.values() for requirement in requirements]
    wanted = {name_of(requirement) for requirement in asked} - {"labmodels"}
    pinned = [line.partition("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    names = [name for name, _, _ in pinned]
    assert wanted <= set(names), wanted - set(names)
    assert names == sorted(set(names))
    assert all(separator == "==" and version[0].isdigit() for _, separator, version in pinned)


def name_of(requirement: str) -> str:
    ends = [requirement.index(mark) for mark in "[<>=!;" if mark in requirement]
    return requirement[: min(ends, default=len(requirement))].strip().lower().replace("_", "-")
