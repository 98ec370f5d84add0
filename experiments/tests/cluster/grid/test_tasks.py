"""What a grid takes, as tasks; what cannot be had is refused before anything runs."""

import pytest

from ablation.errors import InvalidInput
from ablation.filings.synthetic import synthetic_filings
from ablation.models.model import open_model
from ablation.models.registry import model_spec
from ablation.tests.support.tiny_models import family_directory, tiny_directory
from experiments.cluster.grid.grid import parse
from experiments.cluster.grid.tasks import Inputs, tasks


@pytest.fixture
def names(tmp_path):
    """The names of the tasks of a grid for one model."""

    def named(model, text):
        grid = parse(text.replace("MODEL", str(model)), "g")
        inputs = Inputs(model_spec, open_model, synthetic_filings(4), tmp_path / "out")
        return [
            task.name.removeprefix(f"{model_spec(str(model)).key}, ")
            for task in tasks(grid, inputs)
        ]

    return named


@pytest.fixture
def text(tmp_path):
    """A text of some thousand tokens."""
    path = tmp_path / "text.txt"
    path.write_text("The heads of a layer attend to what is before them. " * 60, encoding="utf-8")
    return path


@pytest.mark.parametrize("study", ["qrhead", "exp10"])
def test_a_mode_that_the_family_does_not_allow_is_refused(tmp_path, names, study):
    model = family_directory(tmp_path / "oss", "gpt-oss")
    said = r"model oss-\w+ does not allow mode bos: attention weights .*: leave the mode out, or"
    with pytest.raises(InvalidInput, match=said):
        names(model, f"[{study}]\nmodels = ['MODEL']\nmodes = ['zero', 'bos']\n")


def test_a_bias_that_nothing_is_measured_with_is_refused(tmp_path, names):
    model = tiny_directory(tmp_path / "tiny")
    with pytest.raises(InvalidInput, match=r"\[exp10\] bias goes with mode zero, which is not in"):
        names(model, "[exp10]\nmodels = ['MODEL']\nmodes = ['mean']\nbias = ['remove']\n")


def test_curves_are_of_the_first_mode_and_bias(tmp_path, names, text):
    model = tiny_directory(tmp_path / "tiny")
    found = names(
        model,
        f"[exp10]\nmodels = ['MODEL']\ntexts = ['{text}']\nbias = ['remove', 'keep']\n",
    )
    alone = [name for name in found if name.endswith("every head alone")]
    assert [name.split(" on ")[0] for name in alone] == ["zero, bias remove", "zero", "mean"]
    together = {name.split(" on ")[0] for name in found if "together" in name}
    assert together == {"zero, bias remove"}
