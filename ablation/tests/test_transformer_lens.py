"""Against an independent implementation: TransformerLens 4's TransformerBridge."""

import pytest
import torch

from ablation.ablator import HeadAblator
from ablation.heads import Head
from ablation.tests.tolerances import REAL_MODEL_LOGITS, assert_same

bridge_module = pytest.importorskip(
    "transformer_lens.model_bridge", reason="needs TransformerLens: pip install -e '.[test]'"
)

A_DOZEN = [Head(layer, head) for layer in (0, 8, 17, 29) for head in (0, 4, 8)]


@pytest.mark.model
def test_zeroing_z_gives_the_logits_of_transformer_lens():
    from ablation.loading import load_model
    from ablation.models import model_spec

    loaded = load_model(model_spec("smollm2"))
    text = "The company was incorporated in the State of Delaware in 1962 and has 14,200 employees."
    ids = torch.tensor([loaded.tokenizer(text)["input_ids"]])
    ours = [_ablated(loaded.model, head, ids) for head in A_DOZEN]
    bridge = bridge_module.TransformerBridge.boot_transformers(
        loaded.spec.name.split()[0], hf_model=loaded.model, tokenizer=loaded.tokenizer
    )
    for head, logits in zip(A_DOZEN, ours, strict=True):
        theirs = bridge.run_with_hooks(
            ids, fwd_hooks=[(f"blocks.{head.layer}.attn.hook_z", _zero(head.head))]
        )
        assert_same(logits, theirs, REAL_MODEL_LOGITS)


def _zero(index):
    def hook(z, hook):
        z = z.clone()
        z[:, :, index] = 0
        return z

    return hook


def _ablated(model, head, ids):
    with HeadAblator(model, [head]), torch.no_grad():
        return model(ids).logits
