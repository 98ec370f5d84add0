"""Wu24: retrieval heads, which copy the needle (Wu et al. 2024, arXiv 2404.15574, section 2)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ablation.detection.reading import Reading
from ablation.hooks.attention import observe_attention
from ablation.hooks.attention_call import AttentionCall
from ablation.hooks.sites import head_sites
from ablation.metrics.answers import MAX_NEW_TOKENS
from ablation.metrics.devices import input_device
from ablation.passes.generation import end_tokens, refuse_nan
from ablation.prompts.prompt import Prompt

RECALLED = 0.5
"""ROUGE-1 recall of the needle's answer above which an answer counts as retrieved."""


@torch.inference_mode()
def retrieval_scores(
    model: Any,
    tokenizer: Any,
    prompt: Prompt,
    reading: Reading,
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
) -> Float[Tensor, "layers heads"] | None:
    """The retrieval score of every head on one prompt; None if the answer was not retrieved.

    The model answers greedily. For each token of its answer, a head scores a hit if the position
    that the last row attends to most is in the needle's answer and holds that very token. The score
    is hits over the tokens of the needle's answer. Prompts whose answer recalls no more than half
    of it (ROUGE-1 recall) say nothing of retrieval and are left out.

    Source: the paper's code (nightdessert/Retrieval_Head, ``retrieval_head_detection.py``), where
    one span, ``real_needle``, is what hits lie in, what they are divided by and what is recalled.
    Here it is the fact's value, as the filing states it. A score exceeds 1 only where the model
    writes the answer more than once.

    Raises:
        ComputationError: the model's logits are NaN.
    """
    sites = head_sites(model)
    ids = list(prompt.ids)
    cache = reading.cache(model.config)
    hits = torch.zeros(sites.grid.layers, sites.grid.widest)
    looked_at: dict[int, Tensor] = {}

    def note(call: AttentionCall) -> None:
        # Of a sliding window the oldest keys may be gone; the last is always the last token.
        gone = len(ids) - call.key.shape[2]
        looked_at[call.layer] = call.weights()[0, :, -1].argmax(dim=-1) + gone

    answer: list[int] = []
    ends = end_tokens(model)
    with observe_attention(model, note):
        while len(answer) < max_new_tokens and not (answer and answer[-1] in ends):
            last = torch.tensor([ids[-1:]], device=input_device(model))
            logits = model(input_ids=last, past_key_values=cache, use_cache=True).logits
            token = int(refuse_nan(logits)[0, -1].argmax())
            for layer, places in looked_at.items():
                for head, place in enumerate(places.tolist()):
                    in_answer = prompt.fact[0] <= place < prompt.fact[1]
                    hits[layer, head] += in_answer and ids[place] == token
            ids.append(token)
            answer.append(token)
    wanted, given = tokenizer.batch_decode([prompt.stated, answer], skip_special_tokens=True)
    if rouge1_recall(wanted, given) <= RECALLED:
        return None
    return hits / len(prompt.stated)


def rouge1_recall(wanted: str, given: str) -> float:
    """The share of the words of ``wanted`` that are in ``given``, stemmed (ROUGE-1 recall)."""
    from rouge_score.rouge_scorer import RougeScorer  # imports nltk, half a second

    return RougeScorer(["rouge1"], use_stemmer=True).score(wanted, given)["rouge1"].recall
