"""Settings of tiny random models, without a tokenizer or any file but the results."""

from ablation.assets.text import TokenText
from ablation.engine import EngineChoice
from ablation.models.loading import LoadedModel
from ablation.models.model import Model
from ablation.models.registry import ModelSpec
from ablation.modes import BiasPolicy
from ablation.tests.support.tiny_models import random_ids, tiny_model
from experiments.exp10.measured.setting import Setting


def small_setting(
    directory, name="gpt2", *, mode="zero", bias="keep", seed=0, tokens=40, window=16
):
    """A setting of the tiny model ``name``; ``directory`` stands for its files."""
    spec = ModelSpec(name, name)
    loaded = LoadedModel(spec, tiny_model(name, seed), None, directory)
    directory.mkdir(parents=True, exist_ok=True)
    # What the fingerprint is of; the weights themselves are only in memory.
    (directory / "config.json").write_text(f"{name} {seed}", encoding="utf-8")
    text = TokenText("random", random_ids(tokens, seed=5)[0].tolist())
    model = Model(spec, directory, "float32", EngineChoice(), lambda: loaded)
    return Setting(model, text, window, mode, BiasPolicy(bias))
