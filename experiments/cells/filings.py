"""The filings of a run: real ones out of a folder, or synthetic ones."""

from pathlib import Path

from ablation.errors import InvalidInput
from ablation.filings.filing import FilingSet
from ablation.filings.synthetic import synthetic_filings


def load_filings(directory: Path | None, ground_truth: Path | None, synthetic: int) -> FilingSet:
    """Real filings of ``directory``, or else synthetic ones.

    Raises:
        InvalidInput: no usable filing, or a ground truth without filings.
    """
    if directory is None:
        if ground_truth is not None:
            raise InvalidInput("--ground-truth needs --filings DIR: it tells the facts of those")
        return synthetic_filings(synthetic)
    from ablation.filings.edgar import load_edgar_filings

    return load_edgar_filings(directory, ground_truth)
