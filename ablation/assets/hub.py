"""Downloads from the model hub, with errors of one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ablation.errors import InvalidInput, Unavailable, first_line


def from_hub(what: str, remedy: str, download: Callable[[bool], str]) -> Path:
    """The path that ``download``, a call of huggingface_hub, gives.

    Args:
        what: what is asked for, as in "model openai-community/gpt2".
        remedy: what to do where it cannot be had.
        download: asks the hub; or, given True, its cache only.

    Raises:
        InvalidInput: the id is none.
        Unavailable: the hub cannot be reached or refuses, and its cache does not hold it.
    """
    # Imported where it is used: most runs never ask the hub.
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    from huggingface_hub.utils import logging

    # It says every retry in several lines; what came of them is said below.
    logging.set_verbosity_error()
    _give_up_after(constants.HF_HUB_ETAG_TIMEOUT)
    silence = _silence(constants.HF_HUB_ETAG_TIMEOUT)
    try:
        return Path(download(silence is not None))
    except HFValidationError as error:
        raise InvalidInput(f"{what}: no hub id: {first_line(error)}") from None
    except LocalEntryNotFoundError:
        cause = f" ({silence})" if silence else ""
        reason = (
            f"the model hub was asked and did not answer within {constants.HF_HUB_ETAG_TIMEOUT} s "
            f"(HF_HUB_ETAG_TIMEOUT), or cannot be reached{cause}, and its cache does not hold it"
        )
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no answer"
        reason = f"the model hub refused ({status}: gated, private or not there)"
    except Exception as error:  # a proxy's, a disk's, the hub client's own
        reason = f"the model hub failed ({first_line(error)})"
    raise Unavailable(f"{what} cannot be had: {reason}; {remedy}")


def _silence(seconds: float) -> str | None:
    """Why the hub says nothing at all, if so; a download would try six times before it gives up."""
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    try:
        get_session().head(constants.ENDPOINT, timeout=seconds)
    except Exception as error:  # of whichever client it is made with: no route, proxy, certificate
        return first_line(error)
    return None


def _give_up_after(seconds: float) -> None:
    """By default the hub client waits without end for a hub that accepts and says nothing."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def limited(request: Any) -> None:
        # Where a call sets no limit it says so, and the client's own would not count.
        limits = request.extensions.get("timeout", {})
        waits = {
            name: min(limits.get(name) or seconds, seconds)
            for name in ("connect", "read", "write", "pool")
        }
        request.extensions = {**request.extensions, "timeout": waits}

    def client() -> Any:
        made = default_client_factory()
        made.event_hooks = {**made.event_hooks, "request": [*made.event_hooks["request"], limited]}
        return made

    set_client_factory(client)
