"""A file of the hub is whole, checked and named at once, or not there; what broke off is continued; the token stays with the hub."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest

from labmodels.durable import FileSystem
from labmodels.errors import Busy, ExitCode, StorageFault, Usage
from labmodels.lab import locked
from labmodels.providers.hub import Hub as Client
from labmodels.providers.hub import HubFault, Pulled
from labmodels.training.gguf import tiny_model
from tests.hub import REPOSITORY, Hub

NAME = "tiny.gguf"
TOKEN = "hf_canary-not-a-real-token-51aa9"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("model") / NAME
    tiny_model(path, seed=1)
    return path.read_bytes()


@pytest.fixture
def hub(model):
    with Hub({NAME: model}) as server:
        yield server


def pull(hub: Hub, folder: Path, files: FileSystem | None = None, **environ: str) -> Pulled:
    with Client(hub.environ | environ) as client:
        listing = client.listing(REPOSITORY)
        return client.pull(listing, listing.files[0], folder, lambda done, total: None, files or FileSystem())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def ranges(hub: Hub) -> list[str | None]:
    return [headers.get("range") for path, headers in hub.seen if path.startswith("/data/")]


def test_a_file_is_fetched_once_and_nothing_else_is_left_beside_it(hub, model, tmp_path):
    pulled = pull(hub, tmp_path / "models")
    assert (tmp_path / "models" / NAME).read_bytes() == model
    assert names(tmp_path / "models") == [NAME]
    assert not pulled.was_there and pulled.header.number("context_length") == 512
    assert pull(hub, tmp_path / "models").was_there
    assert len(ranges(hub)) == 1


@pytest.mark.parametrize(("second", "range_honoured"), [("ok", True), ("no_range", False)])
def test_what_was_cut_is_continued_where_the_hub_can_and_begun_anew_where_it_cannot(hub, model, tmp_path, second, range_honoured):
    hub.plan = deque(["cut", second])
    with pytest.raises(HubFault, match=r"reached|bytes came"):
        pull(hub, tmp_path)
    (partial,) = tmp_path.iterdir()
    half = partial.stat().st_size
    assert half == len(model) // 2 and partial.name.startswith(".")
    pull(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == model and names(tmp_path) == [NAME]
    assert ranges(hub) == [None, f"bytes={half}-"]


@pytest.mark.parametrize("fault", ["wrong", "longer"])
def test_what_is_not_the_announced_file_never_gets_its_name_and_is_deleted(hub, model, tmp_path, fault):
    hub.plan = deque([fault])
    with pytest.raises(HubFault, match="sha256 differs") as caught:
        pull(hub, tmp_path)
    assert caught.value.exit_code == ExitCode.STORAGE
    assert names(tmp_path) == []
    pull(hub, tmp_path)


def test_a_damaged_beginning_is_found_by_the_hash_of_the_whole(hub, model, tmp_path):
    hub.plan = deque(["cut"])
    with pytest.raises(HubFault):
        pull(hub, tmp_path)
    (partial,) = tmp_path.iterdir()
    with partial.open("r+b") as file:
        file.write(b"GGUX")
    with pytest.raises(HubFault, match="sha256 differs"):
        pull(hub, tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("fault", "error", "message"), [("500", HubFault, "HTTP 500"), ("loop", HubFault, "redirects"), ("404", Usage, "no ")]
)
def test_a_transfer_that_the_hub_refuses_says_what_it_said(hub, tmp_path, fault, error, message):
    hub.plan = deque([fault])
    with pytest.raises(error, match=message):
        pull(hub, tmp_path)
    assert NAME not in names(tmp_path)


def test_a_repository_that_is_not_there_or_not_for_us_is_a_matter_of_usage(hub, tmp_path):
    with Client(hub.environ) as client, pytest.raises(Usage, match="no lab/other"):
        client.listing("lab/other")
    hub.token = TOKEN
    with pytest.raises(Usage, match="HTTP 401"):
        pull(hub, tmp_path)
    pull(hub, tmp_path, HF_TOKEN=TOKEN)


@pytest.mark.parametrize("name", ["", "lab", "../etc", "lab/../../x", "lab/x/y", "lab/x?y", "lab/x#y", "lab/ x", "http://lab/x"])
def test_what_is_no_name_of_a_repository_is_not_sent(hub, name):
    with Client(hub.environ) as client, pytest.raises(Usage, match="is no repository"):
        client.listing(name)
    assert hub.seen == []


def test_the_token_goes_to_the_hub_and_not_to_where_it_redirects(hub, model, tmp_path):
    hub.token = TOKEN
    with Hub({NAME: model}) as store:
        hub.elsewhere = store.url.replace("127.0.0.1", "localhost")
        pull(hub, tmp_path, HF_TOKEN=TOKEN)
        assert [headers.get("authorization") for _, headers in hub.seen] == [f"Bearer {TOKEN}"] * 2
        assert [headers.get("authorization") for _, headers in store.seen] == [None]


@pytest.mark.parametrize(
    "name",
    ["../evil.gguf", "/etc/evil.gguf", "a/../../evil.gguf", ".hidden.gguf", "a\\evil.gguf", "evil\n.gguf", "évil.gguf", "evil.bin",
     "big-00001-of-00003.gguf"],
)  # fmt: skip
def test_a_file_whose_name_leads_astray_is_not_even_listed(hub, name):
    hub.listing = {"sha": "0" * 40, "siblings": [{"rfilename": name, "lfs": {"size": 9, "sha256": "0" * 64}}]}
    with Client(hub.environ) as client:
        assert client.listing(REPOSITORY).files == ()


def test_a_file_in_a_folder_of_the_repository_goes_under_its_last_name(model, tmp_path):
    with Hub({f"q8/{NAME}": model}) as hub:
        assert pull(hub, tmp_path).path == tmp_path / NAME


@pytest.mark.parametrize(
    "listing", [[], {"sha": "0" * 40}, {"siblings": []}, {"sha": "../x", "siblings": []}, {"sha": "0" * 40, "siblings": [{}]}, "text"]
)
def test_a_listing_that_is_none_is_the_hubs_fault(hub, listing):
    hub.listing = listing
    with Client(hub.environ) as client, pytest.raises(HubFault):
        client.listing(REPOSITORY)


def test_without_a_network_the_hub_is_named():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with Client({"HF_ENDPOINT": url}) as client, pytest.raises(HubFault, match=r"127\.0\.0\.1 cannot be reached") as caught:
            client.listing(REPOSITORY)
    assert caught.value.exit_code == ExitCode.STORAGE


class _FullDisk(FileSystem):
    """A disk that takes so many bytes."""

    def __init__(self, room: int) -> None:
        self._room = room

    def append(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        if len(data) > self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self._room -= len(data)
        super().append(path, data, mode)


def test_a_disk_that_fills_up_is_a_storage_fault_and_the_fetch_goes_on_when_there_is_room(hub, model, tmp_path):
    with pytest.raises(StorageFault, match="No space left"):
        pull(hub, tmp_path, _FullDisk(len(model) // 2))
    assert NAME not in names(tmp_path)
    pull(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == model


def test_a_file_larger_than_the_free_space_is_refused_before_a_byte_is_asked_for(hub, tmp_path):
    hub.listing = hub.listed()
    hub.listing["siblings"][1]["lfs"]["size"] = 1 << 60
    with pytest.raises(StorageFault, match="are free"):
        pull(hub, tmp_path)
    assert ranges(hub) == []


def test_another_file_under_the_name_is_left_alone(hub, tmp_path):
    (tmp_path / NAME).write_bytes(b"mine")
    with pytest.raises(Usage, match="another file"):
        pull(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == b"mine"


def test_what_the_hub_announces_but_is_no_gguf_is_refused(tmp_path):
    with Hub({NAME: b"GGUF" + bytes(100)}) as hub, pytest.raises(HubFault, match="no sound GGUF"):
        pull(hub, tmp_path)
    assert names(tmp_path) == []


def test_two_fetches_of_one_file_do_not_write_over_each_other(hub, tmp_path):
    hub.plan = deque(["cut"])
    with pytest.raises(HubFault):
        pull(hub, tmp_path)
    (partial,) = tmp_path.iterdir()
    with locked(partial, 0), pytest.raises(Busy):
        pull(hub, tmp_path)


def test_a_killed_fetch_leaves_nothing_under_the_name_and_the_next_one_goes_on(hub, model, tmp_path):
    hub.plan = deque(["stall"])
    code = (
        "import sys; from pathlib import Path; from labmodels.providers.hub import Hub\n"
        "with Hub() as hub:\n"
        f"    listing = hub.listing({REPOSITORY!r})\n"
        "    hub.pull(listing, listing.files[0], Path(sys.argv[1]), lambda done, total: print(done, flush=True))"
    )
    environ = {"PYTHONPATH": os.pathsep.join(sys.path), **hub.environ}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environ, stdout=subprocess.PIPE, text=True) as process:
        while int(process.stdout.readline()) < len(model) // 2:
            pass
        process.send_signal(signal.SIGKILL)
    assert NAME not in names(tmp_path) and len(names(tmp_path)) == 1
    pull(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == model and names(tmp_path) == [NAME]
    assert ranges(hub) == [None, f"bytes={len(model) // 2}-"]
