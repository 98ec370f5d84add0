"""``headclaims results export`` and ``import``, ``headclaims audit``: results that travel."""

import shlex
import subprocess
import sys
from pathlib import Path

import click

from ablation.errors import InvalidInput
from experiments.cli.options import human_size
from experiments.judging.stored_evidence import CHECKOUT
from experiments.machine.environment import judged_with
from experiments.machine.files.json_files import check_writable
from experiments.store.bundle import read_bundle
from experiments.store.folder import Run
from experiments.store.listing import paths, stored_documents
from experiments.store.opening import STORE_HELP, store_root
from experiments.store.packing import write_bundle
from experiments.store.store import Store

STORE = click.option("--store", help=STORE_HELP)
FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
WORKERS = click.option(
    "-n", "--workers", default="2", help="Worker processes of pytest: a number, or auto."
)
FURTHER = click.argument("pytest_options", nargs=-1, type=click.UNPROCESSED)
PASSED_ON = {"ignore_unknown_options": True}


@click.command("export", context_settings=PASSED_ON)
@FILE
@click.option("--claim", help="Only the results behind these claims: A1,B3.")
@click.option("--study", help="Only the results behind the claims of a study: qrhead, exp10, …")
@STORE
@WORKERS
@FURTHER
def export_command(
    file: Path,
    claim: str | None,
    study: str | None,
    store: str | None,
    workers: str,
    pytest_options: tuple[str, ...],
) -> None:
    """Pack stored results into one FILE that others can judge from, import and audit.

    What is behind a claim is known by judging it: with --claim or --study pytest runs those cases
    (further options, such as --model or --control-draws, go to it) and computes what is not stored.
    Without either everything in the store is packed; such a bundle can be judged from, not audited.
    """
    if claim is None and study is None:
        _export_all(file, store)
        return
    words = [] if claim is None else [f"--claim={claim}"]
    words += [] if study is None else ["-k", study]
    words += [] if store is None else [f"--store={Path(store).absolute()}"]
    _pytest(
        "-m", "model", "-n", workers, *words, f"--export-bundle={file.absolute()}", *pytest_options
    )


def _export_all(file: Path, store: str | None) -> None:
    root = store_root(store)
    if not paths(root):
        raise InvalidInput(f"{root} holds no results: give the store that does with --store")
    check_writable(file.absolute().parent, "FILE")
    made = judged_with(shlex.join(["headclaims", *sys.argv[1:]]))
    size = write_bundle(file, stored_documents(root), None, made)
    click.echo(f"{len(read_bundle(file))} results: {file}, {human_size(size)}")


@click.command("import")
@FILE
@STORE
def import_command(file: Path, store: str | None) -> None:
    """Add the results in FILE to the store, if every one of them is what its manifest says.

    That they are whole does not say that they are right: see `headclaims audit`.
    """
    bundle, root = read_bundle(file), store_root(store)
    check_writable(root, "--store")
    for _ in bundle:
        pass  # all are proven before the first is written
    into = Store(root, Run("", ""))
    missing = [document for document in bundle if into.find(document.unit) is None]
    for document in missing:
        into.keep(document)
    click.echo(f"{len(missing)} results added to {root}, {len(bundle) - len(missing)} were there")


@click.command("audit", context_settings=PASSED_ON)
@FILE
@click.option("--sample", default="3%", help="How many units to compute anew: N or P%.")
@click.option("--seed", default="0", help="What they are drawn with.")
@WORKERS
@FURTHER
def audit_command(
    file: Path, sample: str, seed: str, workers: str, pytest_options: tuple[str, ...]
) -> None:
    """Compute a random sample of the results in FILE anew on this machine, and compare.

    pytest judges the bundle's claims from it, and computes the sampled units on the way; exit 1 if
    one differs by more than sound machines do. Further options go to pytest.
    """
    judged = read_bundle(file).judged
    if judged is None:
        raise InvalidInput(
            f"{file} does not say which claims it is behind, so nothing can ask for its units: "
            "make it with `headclaims results export --claim …` or `--study …`"
        )
    _pytest(
        *("-m", "model", "-n", workers, f"--claim={','.join(judged.claims)}", *judged.options),
        *(f"--bundle={file.absolute()}", f"--audit={sample}", f"--audit-seed={seed}"),
        *pytest_options,
    )


def _pytest(*words: str) -> None:
    """Runs the cases of this checkout; ends with pytest's status if it is not 0."""
    if not (CHECKOUT / "conftest.py").is_file():
        raise InvalidInput(
            f"the cases are in the checkout, and {CHECKOUT} is none: clone the repository and "
            "install it with pip install -e ."
        )
    command = [sys.executable, "-m", "pytest", *words]
    status = subprocess.run(command, cwd=CHECKOUT, check=False).returncode
    if status:
        raise click.exceptions.Exit(1 if status == 1 else 2)
