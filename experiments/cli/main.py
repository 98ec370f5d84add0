"""The command line ``headclaims``: one group, errors as one line, an exit status.

Nothing here imports torch: ``headclaims --help`` answers at once.
"""

import os
import sys
import warnings
from collections.abc import Sequence

import click

from ablation.errors import HeadclaimsError, Mistakes, Notice
from experiments.cli.commands.claims import claims_command
from experiments.cli.commands.compare import compare_group
from experiments.cli.commands.exp10 import exp10_command
from experiments.cli.commands.figures import figures_command
from experiments.cli.commands.instrument import calibrate_command, selftest_command
from experiments.cli.commands.plan import plan_command
from experiments.cli.commands.prompts import prompts_command
from experiments.cli.commands.published import published_command
from experiments.cli.commands.qrhead import ablate_command, detect_command
from experiments.cli.commands.ranking import ranking_group
from experiments.cli.commands.report import report_command
from experiments.cli.commands.retrieve import retrieve_command
from experiments.cli.commands.run import run_command
from experiments.cli.commands.upkeep.assets import assets_group
from experiments.cli.commands.upkeep.baselines import baselines_group
from experiments.cli.commands.upkeep.bench import bench_command
from experiments.cli.commands.upkeep.bundles import audit_command
from experiments.cli.commands.upkeep.docs import docs_command
from experiments.cli.commands.upkeep.results import results_group
from experiments.machine.garbage import look_seldom
from experiments.machine.threads import sleep_soon

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="headclaims")
def cli() -> None:
    """Check claims about attention heads: detect heads, ablate them, see what is lost.

    \b
    Start here:
      headclaims ablate --question inc_state --figure
    which fetches a small model once (93 MB), detects its retrieval heads, ablates them and as many
    random heads, and draws what that does to its answers. Or
      headclaims exp10
    which ablates every head alone and together and measures perplexity. Or, without any model,
      headclaims published
    which looks at the studies' own figures again. The claims themselves are judged by
      pytest -k published
      pytest -k qrhead -n 4
      pytest -k exp10 -n 4
      pytest -k methods -n 4

    Exit status: 0 done, 1 a check failed, 2 bad input, 3 model or text not to be had, 4 the
    computation failed (NaN, memory), 130 interrupted.
    """


cli.add_command(assets_group)
cli.add_command(prompts_command)
cli.add_command(claims_command)
cli.add_command(detect_command)
cli.add_command(ablate_command)
cli.add_command(run_command)
cli.add_command(compare_group)
cli.add_command(ranking_group)
cli.add_command(retrieve_command)
cli.add_command(exp10_command)
cli.add_command(published_command)
cli.add_command(report_command)
cli.add_command(figures_command)
cli.add_command(results_group)
cli.add_command(audit_command)
cli.add_command(baselines_group)
cli.add_command(bench_command)
cli.add_command(selftest_command)
cli.add_command(calibrate_command)
cli.add_command(plan_command)
cli.add_command(docs_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits; ``arguments`` defaults to those of the process."""
    # Our own messages say what matters; the library's notices would bury them.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    sleep_soon()
    look_seldom()
    warnings.showwarning = _show_warning
    warnings.simplefilter("once", Notice)
    sys.exit(_status(arguments))


def _status(arguments: Sequence[str] | None) -> int:
    try:
        status = cli.main(arguments, prog_name="headclaims", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except Mistakes as error:
        for line in error.lines:
            status = _fail(line, error.exit_status)
        return status
    except HeadclaimsError as error:
        return _fail(str(error), error.exit_status)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted; what was finished is kept", INTERRUPTED)
    return status if isinstance(status, int) else 0


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    click.echo(f"Warning: {' '.join(str(message).split())}", err=True)


def _fail(message: str, status: int) -> int:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    return status
