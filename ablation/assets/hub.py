"""Downloads from the model hub, with errors of one line."""

from collections.abc import Callable
from pathlib import Path

from ablation.errors import InvalidInput, Unavailable, first_line


def from_hub(what: str, remedy: str, download: Callable[[], str]) -> Path:
    """The path that ``download``, a call of huggingface_hub, gives.

    Args:
        what: what is asked for, as in "model openai-community/gpt2".
        remedy: what to do where it cannot be had.
        download: asks the hub, or its cache when the hub is not reachable.

    Raises:
        InvalidInput: the id is none.
        Unavailable: the hub cannot be reached or refuses, and its cache does not hold it.
    """
    # Imported where it is used: most runs never ask the hub.
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    from huggingface_hub.utils import logging

    # It says every retry in several lines; what came of them is said below.
    logging.set_verbosity_error()
    try:
        return Path(download())
    except HFValidationError as error:
        raise InvalidInput(f"{what}: no hub id: {first_line(error)}") from None
    except LocalEntryNotFoundError:
        reason = "the model hub cannot be reached, and its cache does not hold it"
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no answer"
        reason = f"the model hub refused ({status}: gated, private or not there)"
    except OSError as error:
        reason = f"the model hub failed ({first_line(error)})"
    raise Unavailable(f"{what} cannot be had: {reason}; {remedy}")
