"""A model hub that does not answer: one line; by itself the hub client would wait for ever."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download, set_client_factory, snapshot_download
from huggingface_hub.utils._http import default_client_factory

from ablation.assets.hub import from_hub
from ablation.errors import Unavailable


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    set_client_factory(default_client_factory)


def of_a_model(cache: Path, cached: bool) -> str:
    return snapshot_download("a/b", cache_dir=cache, local_files_only=cached)


def of_a_file(cache: Path, cached: bool) -> str:
    return hf_hub_download("a/b", "c", cache_dir=cache, local_files_only=cached)


@pytest.mark.parametrize("ask", [of_a_model, of_a_file])
def test_a_hub_that_says_nothing_is_given_up_in_one_line(ask, silent, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
    monkeypatch.setattr(constants, "ENDPOINT", silent)
    with pytest.raises(Unavailable) as caught:
        from_hub(
            "model a/b",
            "give a local copy",
            lambda cached: ask(tmp_path, cached),
        )
    message = str(caught.value)
    assert message.startswith("model a/b cannot be had: the model hub was asked and did not answer")
    assert "within 1 s (HF_HUB_ETAG_TIMEOUT)" in message
    assert message.endswith("its cache does not hold it; give a local copy")
    assert "\n" not in message


def test_whatever_the_hub_client_raises_is_said_in_one_line(silent, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    def through_a_proxy(cached: bool) -> str:
        raise RuntimeError("the proxy\nrefused")

    with pytest.raises(Unavailable, match=r"^x cannot be had: the model hub failed \(the proxy\)"):
        from_hub("x", "give a copy", through_a_proxy)
