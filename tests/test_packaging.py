"""What is in the wheel, and whether a plain install of it works."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import qsl_envs

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("qsl_envs", "baselines", "leagues", "evolve")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAX_WHEEL_BYTES = 5_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def tracked(folder: str) -> set[str]:
    run = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode:
        pytest.skip("not a git checkout")
    return {name for name in run.stdout.split() if (ROOT / name).is_file()}


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = set().union(*(tracked(package) for package in PACKAGES))
    assert len(wanted) > 40
    assert wanted - names == set()
    assert {name.split("/")[0].removesuffix(".dist-info").split("-")[0] for name in names} == {
        *PACKAGES,
        "quant_sim_lab",
    }
    assert wheel.stat().st_size < MAX_WHEEL_BYTES


def test_the_wheel_says_what_it_is(wheel):
    archive = zipfile.ZipFile(wheel)
    (meta_name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    meta = message_from_bytes(archive.read(meta_name))
    assert (meta["Name"], meta["Version"]) == ("quant-sim-lab", qsl_envs.__version__)
    core = {line.split(">")[0] for line in meta.get_all("Requires-Dist") if "extra ==" not in line}
    assert {name.split("<")[0] for name in core} == {"gymnasium", "pettingzoo", "numpy", "numba", "pyyaml"}
    points = archive.read(meta_name.replace("METADATA", "entry_points.txt")).decode()
    assert "qsl = qsl_envs.cli:main" in points and "[qsl.commands]" in points


def test_every_command_of_the_entry_points_exists():
    for module in PROJECT["entry-points"]["qsl.commands"].values():
        assert (ROOT / (module.replace(".", "/") + ".py")).is_file(), module


def test_the_citation_names_this_version():
    assert f"version: {qsl_envs.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_what_is_known_to_work_is_within_what_is_promised():
    from packaging.requirements import Requirement

    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    checked = 0
    for text in (text for group in groups for text in group):
        requirement = Requirement(text)
        pin = pins.get(requirement.name.lower())
        if pin is not None:
            checked += 1
            assert requirement.specifier.contains(pin, prereleases=True), (text, pin)
    assert checked > 20


@pytest.mark.slow
def test_a_plain_install_works_without_any_extra(wheel, tmp_path):
    env = tmp_path / "env"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(env)], check=True)
    python = next(path for path in (env / "bin" / "python", env / "Scripts" / "python.exe") if path.exists())
    constraints = str(ROOT / "constraints.txt")
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--python", str(python), "--constraint", constraints, str(wheel)], check=True
    )

    def run(*words: str) -> subprocess.CompletedProcess:
        variables = {**os.environ, "QSL_CACHE_DIR": str(tmp_path / "cache")}
        variables.pop("PYTHONPATH", None)
        return subprocess.run(
            [str(python), *words], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )

    where = run("-c", "import qsl_envs; print(qsl_envs.__file__)")
    assert str(env) in where.stdout, where.stderr
    assert run("-c", "import pyarrow").returncode == 1
    listed = run("-m", "qsl_envs.cli", "list")
    assert (listed.returncode, "qsl/MarketMaking-v0" in listed.stdout) == (0, True), listed.stderr

    orders = tmp_path / "orders.csv"
    orders.write_text("action,order_id,side,price,qty\nadd,1,buy,100,5\nadd,2,sell,100,3\n")
    match = ["-m", "qsl_envs.cli", "match", str(orders), "--trades", "trades.csv"]
    matched = run(*match, "--book", "book.csv")
    assert matched.returncode == 0, matched.stderr
    assert (tmp_path / "trades.csv").read_text().splitlines()[1] == "1,1,2,100,3"
    stream = tmp_path / "orders.parquet"
    stream.write_bytes(b"PAR1")
    no_parquet = run("-m", "qsl_envs.cli", "match", str(stream), "--trades", "trades.csv", "--book", "book.csv")
    assert no_parquet.returncode == 2 and "[data]" in no_parquet.stderr
