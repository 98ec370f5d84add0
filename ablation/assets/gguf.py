"""From a quantised GGUF file to a folder that transformers loads in a second.

Loading a GGUF through transformers dequantises and rebuilds the tokenizer each time; every worker
would pay for it, and none could share memory. So the weights are written once as fp32 safetensors,
which all workers memory-map. ``save_pretrained`` refuses a model loaded from GGUF, hence the
rebuilding from its parts here.

A sanity figure guards the result: the perplexity of a fixed passage under the *written* model.
Dequantisation, the order of query and key rows, tied embeddings and the tokenizer all move it. Of
the embedded model it is known; of a user's file it must be that of the model that was read.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

import torch
from tokenizers import pre_tokenizers
from tqdm import tqdm
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    modeling_gguf_pytorch_utils,
)
from transformers.utils import logging as transformers_logging

from ablation.assets.gguf_header import SMOLLM, header_of, pre_tokenizer_of
from ablation.assets.written_weights import write_weights
from ablation.errors import AssetError, notice
from ablation.metrics.measured_perplexity import perplexity

SANITY_PASSAGE = (
    "The road to the mill ran along the river for the better part of a mile, and in the spring, "
    "when the snow came down from the hills as water, the miller's children walked it with their "
    "shoes in their hands. Nobody in the village thought this strange. The schoolmaster, who had "
    "come from the city in 1868 and still carried an umbrella on clear days, had at first "
    "objected to seven pairs of bare feet beneath his benches, but he had long since learned that "
    "a dry shoe at noon was worth more than good manners at eight. He taught them sums, the names "
    "of the rivers of Europe, and a little Latin, and in return they taught him where the trout "
    "lay and how to tell, by the colour of the evening sky, whether the hay could be left out "
    "until morning. When the old miller died, the eldest daughter took over the business, against "
    "the advice of her uncles, and within three years she had replaced the wooden wheel with an "
    "iron one and paid back every coin that her father had borrowed. She kept the accounts "
    "herself, in a large blue book, and on the last page she wrote down not what was owed but "
    "what had been given: a cart lent for a week, 12 sacks of barley after the flood, an "
    "afternoon's help with the roof. Her brothers laughed at this, until the winter when the "
    "river froze, and the whole village came, one after another, to ask for flour."
)
SANITY_PERPLEXITY = 29.13837  # transformers 5.23.0, torch 2.13.0, fp32 on CPU
SANITY_TOLERANCE = 1e-3  # relative; float noise between machines is 1e-5, a wrong layer is 1e-1

DOUBTFUL = 1000
"""A perplexity of the passage above which a file is no model of English, or was converted badly."""


Loader = Callable[[Path], tuple[PreTrainedModel, PreTrainedTokenizerBase]]


def convert_gguf(
    source: Path,
    target: Path,
    *,
    sanity_perplexity: float | None = SANITY_PERPLEXITY,
    load: Loader | None = None,
) -> None:
    """Writes the model in the GGUF file ``source`` as the folder ``target``.

    The folder holds fp32 ``model.safetensors`` (a tied output embedding left out), ``config.json``,
    ``generation_config.json`` (greedy) and the tokenizer's files.

    Args:
        source: the GGUF file.
        target: a folder to create. After an error it may hold part of the model: the caller, who
            makes it in a temporary place, throws it away.
        sanity_perplexity: what ``SANITY_PASSAGE`` must come to, within ``SANITY_TOLERANCE``; None:
            what it comes to under the model as transformers reads it.
        load: reads the GGUF file; ``load_gguf`` unless a test says otherwise.

    Raises:
        AssetError: the sanity figure is off; or, of the embedded model, digits are not tokenised
            one by one.
        OSError: the folder could not be written.
    """
    load = load_gguf if load is None else load
    # A step can take ten seconds and says nothing of itself, so the bar counts steps.
    with tqdm(
        total=3, desc=f"converting {source.name}", unit=" steps", disable=None, file=sys.stderr
    ) as bar:
        model, tokenizer = load(source)
        bar.update()
        if sanity_perplexity is None:
            sanity_perplexity = _perplexity_of_passage(model, tokenizer)
            if not sanity_perplexity <= DOUBTFUL:
                notice(
                    f"{source} has perplexity {sanity_perplexity:.0f} on a passage of English "
                    "prose: either it is no model of English, or the conversion went wrong"
                )
        else:
            _check_digits(tokenizer)
        _write(model, tokenizer, target)
        del model
        bar.update()
        _check_perplexity(target, sanity_perplexity)
        bar.update()


def load_gguf(source: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Returns the dequantised fp32 model and the tokenizer of a GGUF file."""
    with _without_bars_of_transformers():
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        model = AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, dtype=torch.float32
        )
    if pre_tokenizer_of(header_of(source)) == SMOLLM:
        # Digits are split off before byte pairs are merged, which shows only where several blanks
        # or line ends precede a number.
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            ]
        )
    return model.eval(), tokenizer


@contextmanager
def _without_bars_of_transformers() -> Iterator[None]:
    """Ours is the one bar; the dequantisation's does not heed transformers' own switch."""
    had_bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        with mock.patch.object(
            modeling_gguf_pytorch_utils, "tqdm", partial(tqdm, disable=True), create=True
        ):
            yield
    finally:
        if had_bars:
            transformers_logging.enable_progress_bar()


def _write(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, target: Path) -> None:
    target.mkdir(parents=True)
    config = model.config
    config.architectures = [type(model).__name__]
    # What only the origin explains: a quantisation undone, the name of a temporary folder.
    for name in ("quantization_config", "_model_name_or_path"):
        if hasattr(config, name):
            delattr(config, name)
    config.name_or_path = ""
    config.save_pretrained(target)
    GenerationConfig(
        do_sample=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    ).save_pretrained(target)
    tokenizer.model_max_length = config.max_position_embeddings
    tokenizer.save_pretrained(target)

    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    if config.tie_word_embeddings:
        state.pop("lm_head.weight", None)
    mode = (target / "config.json").stat().st_mode
    write_weights(state, target / "model.safetensors", mode=mode)


def _check_digits(tokenizer: PreTrainedTokenizerBase) -> None:
    tokens = tokenizer.tokenize("1987")
    if tokens != list("1987"):
        raise AssetError(
            f"the converted tokenizer splits '1987' into {tokens}; expected one token per digit; "
            "install the transformers version of constraints.txt (nothing was kept)"
        )


def _check_perplexity(folder: Path, expected: float) -> None:
    found = sanity_figure(folder)
    # Written so that NaN fails too.
    if not abs(found - expected) <= SANITY_TOLERANCE * expected:
        raise AssetError(
            f"the converted model has perplexity {found:.4f} on the sanity passage; expected "
            f"{expected:.4f} within {SANITY_TOLERANCE:.1%}; install the transformers and gguf "
            "versions of constraints.txt (nothing was kept)"
        )


def sanity_figure(folder: Path) -> float:
    """Returns the perplexity of ``SANITY_PASSAGE`` under the model in ``folder``."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with _without_bars_of_transformers():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return _perplexity_of_passage(model, tokenizer)


def _perplexity_of_passage(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> float:
    # verbose=False: longer than the context of a small model is no harm.
    ids = torch.tensor(tokenizer(SANITY_PASSAGE, verbose=False)["input_ids"])
    context: int = model.config.max_position_embeddings
    return perplexity(model, ids, window=min(len(ids), context)).value
