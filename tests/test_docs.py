"""The documents say what is there: commands, options, estimators, files."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest
from conftest import ROOT
from public_estimators import public_estimators
from typer.main import get_command

from groundup.cli import app

README = (ROOT / "README.md").read_text()
COMMANDS = get_command(app).commands


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command):
    assert f"groundup {command}" in README


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained_in_the_help(command):
    for parameter in COMMANDS[command].params:
        assert parameter.help, f"groundup {command} does not explain {parameter.name}"


@pytest.mark.parametrize("cls", public_estimators(), ids=lambda cls: cls.__name__)
def test_every_estimator_is_in_the_readme_and_the_changelog(cls):
    assert f"`{cls.__name__}`" in README
    assert f"`{cls.__name__}`" in (ROOT / "CHANGELOG.md").read_text()


def test_the_tree_in_the_readme_is_the_repository():
    tree = README.split("## The repository")[1].split("```")[1]
    named = {word.strip("/;,").split("/")[0] for word in tree.split()}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True
    ).stdout.splitlines()
    if not tracked:
        pytest.skip("not a git checkout")
    top = {path.split("/")[0] for path in tracked if not path.startswith(".")}
    packages = {path.split("/")[2] for path in tracked if path.startswith("src/groundup/")}
    missing = {name for name in top | packages if name not in named and name != "__init__.py"}
    assert not missing


def test_the_readme_names_files_that_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


def test_python_examples_of_the_readme_compile():
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        compile(block, "README.md", "exec")


def test_every_dependency_has_a_range():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        assert ">=" in requirement, requirement


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom groundup.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "heavy = {'numba', 'pandas', 'numpy', 'sklearn', 'duckdb', 'altair', 'optuna'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
