"""The command `qsl`: exit codes, messages, and what it imports."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import gymnasium as gym
import pytest

from qsl_envs import __version__, cli
from qsl_envs.errors import ConfigError, MissingExtraError
from qsl_envs.registration import MARL_ENVIRONMENTS


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A subcommand `probe` whose `run` does what the test says."""
    (tmp_path / "probe_command.py").write_text(
        '"""Probe the dispatcher.\n\nMore of it."""\n'
        "action = None\n"
        "def add_arguments(parser):\n    parser.add_argument('--times', type=int, default=1)\n"
        "def run(args):\n    return action(args)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(cli.BUILT_IN, "probe", "probe_command")
    import probe_command

    yield probe_command
    del sys.modules["probe_command"]


def raiser(error):
    def action(args):
        raise error

    return action


def test_a_command_gets_its_arguments_and_its_code_comes_back(plugin):
    plugin.action = lambda args: args.times
    assert [cli.main(["probe"]), cli.main(["probe", "--times", "7"])] == [1, 7]


def test_none_means_fine(plugin):
    plugin.action = lambda args: None
    assert cli.main(["probe"]) == 0


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("Fee.bps must be >= 0, was -1"), 2, "qsl probe: Fee.bps must be >= 0, was -1\n"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "day.csv"), 2, "day.csv: No such file"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_mistakes_are_messages(plugin, capsys, error, code, said):
    plugin.action = raiser(error)
    assert cli.main(["probe"]) == code
    captured = capsys.readouterr()
    assert said in captured.err and "Traceback" not in captured.err and captured.out == ""


def test_our_own_mistakes_are_not_hidden(plugin):
    plugin.action = raiser(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli.main(["probe"])


def test_usage_errors_are_2_and_help_is_0(plugin, capsys):
    assert cli.main([]) == cli.main(["no-such-command"]) == cli.main(["probe", "--times", "x"]) == 2
    capsys.readouterr()
    assert cli.main(["--help"]) == 0
    assert "Probe the dispatcher." in capsys.readouterr().out
    assert cli.main(["probe", "--help"]) == 0
    assert "More of it." in capsys.readouterr().out


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"quant-sim-lab {__version__}\n"


def test_a_missing_package_is_named_with_its_extra(monkeypatch, tmp_path, capsys):
    (tmp_path / "needs_command.py").write_text('"""Need something."""\nimport no_such_openskill\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(cli.BUILT_IN, "needs", "needs_command")
    monkeypatch.setattr(cli.metadata, "requires", lambda name: ["no-such-openskill>=6; extra == 'league'"])
    assert cli.main(["needs"]) == 2
    assert "no_such_openskill is not installed" in (said := capsys.readouterr().err) and "[league]" in said


def test_a_missing_package_of_no_extra_is_our_mistake(monkeypatch, tmp_path):
    (tmp_path / "broken_command.py").write_text('"""Broken."""\nimport no_such_package_at_all\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(cli.BUILT_IN, "broken", "broken_command")
    with pytest.raises(ModuleNotFoundError) as error:
        cli.main(["broken"])
    assert not isinstance(error.value, MissingExtraError)


def test_list_names_every_environment(capsys):
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    named = [line.split()[0] for line in lines]
    alone = [env_id for env_id in gym.registry if env_id.startswith("qsl/")]
    assert sorted(named) == sorted([*alone, *(entry.env_id for entry in MARL_ENVIRONMENTS)])
    assert named[0] == "qsl/MarketMaking-v0"
    assert lines[0].split(None, 1)[1] == "Quote both sides of one book for a session, and end flat"
    assert not [line for line in lines if "qsl_envs." in line], "a place instead of a task"


@pytest.mark.parametrize("command", ["--help", "list"])
def test_what_only_tells_imports_no_kernel(command):
    code = f"import sys; from qsl_envs.cli import main; main(['{command}']); assert 'numba' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
def test_a_reader_that_goes_away_is_no_traceback():
    code = (
        "import sys, types\nfrom qsl_envs import cli\n"
        "many = types.ModuleType('many', 'Many lines.')\n"
        "many.add_arguments = lambda parser: None\n"
        "many.run = lambda args: [print('x' * 100) for _ in range(10_000)] and 0\n"
        "sys.modules['many'] = many\ncli.BUILT_IN['many'] = 'many'\n"
        "cli._source_of = lambda name: cli.Path(cli.__file__)\n"
        "sys.exit(cli.main(['many']))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == b""


@pytest.mark.slow
@pytest.mark.compiled
def test_after_a_warmup_nothing_is_left_to_compile(tmp_path):
    env = {**os.environ, "QSL_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "qsl_envs.cli", "warmup"]
    first, second = (subprocess.run(command, env=env, capture_output=True, text=True, check=False) for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert " 0 kernels compiled" not in first.stdout
    assert " 0 kernels compiled" in second.stdout
