import subprocess
import sys
import threading
from pathlib import Path

import pytest

from labmodels.errors import Busy, StorageFault, Usage
from labmodels.lab import LAB_FILE, Lab, find_lab, is_held, locked


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.delenv("LABMODELS_LAB", raising=False)
    folder = tmp_path / "lab"
    (folder / "configs" / "deep").mkdir(parents=True)
    (folder / LAB_FILE).write_text("")
    return folder


def test_a_lab_is_found_from_any_folder_in_it(root, monkeypatch):
    for folder in (root, root / "configs" / "deep"):
        monkeypatch.chdir(folder)
        assert find_lab().root == root


def test_the_nearest_lab_above_wins(root, monkeypatch):
    inner = root / "configs" / "deep"
    (inner / LAB_FILE).write_text("")
    monkeypatch.chdir(inner)
    assert find_lab().root == inner


def test_the_option_goes_before_the_variable_and_the_variable_before_the_folder(root, tmp_path, monkeypatch):
    others = [tmp_path / name for name in ("option", "variable")]
    for other in others:
        other.mkdir()
        (other / LAB_FILE).write_text("")
    monkeypatch.chdir(root)
    monkeypatch.setenv("LABMODELS_LAB", str(others[1]))
    assert (find_lab(others[0]).root, find_lab().root) == (others[0], others[1])
    monkeypatch.setenv("LABMODELS_LAB", "")
    assert find_lab().root == root


def test_a_place_that_is_no_lab_is_refused_with_the_command_that_makes_one(root, tmp_path, monkeypatch):
    with pytest.raises(Usage, match="configs is no lab") as caught:
        find_lab(root / "configs")
    assert caught.value.hint == f"labmodels init {root / 'configs'}"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Usage, match=f"no {LAB_FILE} in") as caught:
        find_lab()
    assert "labmodels init DIR" in caught.value.hint


def test_a_relative_place_is_fixed_when_the_lab_is_found(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = find_lab(Path("lab"))
    monkeypatch.chdir("/")
    assert found.config_file.exists()


def test_everything_of_an_environment_lies_in_its_own_folder(root):
    lab = Lab(root)
    folders = {lab.environment_folder(name) for name in ("dev", "test", "production")}
    assert len(folders) == 3 and all(folder.is_relative_to(lab.state) for folder in folders)
    assert lab.relative(lab.configs / "a" / "b.yaml") == "configs/a/b.yaml"


def test_a_lock_has_one_holder_and_is_free_after_it(tmp_path):
    path = tmp_path / "lock"
    assert not is_held(path)
    with locked(path, 0):
        assert is_held(path)
        with pytest.raises(Busy, match="another command holds") as caught, locked(path, 0):
            pass
        assert int(caught.value.exit_code) == 75
    assert not is_held(path)
    with locked(path, 0):
        pass


def test_who_waits_gets_the_lock_when_it_is_free(tmp_path):
    path, order = tmp_path / "lock", []

    def wait():
        with locked(path, 30):
            order.append("second")

    with locked(path, 0):
        thread = threading.Thread(target=wait)
        thread.start()
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]


def test_the_kernel_frees_the_lock_of_a_process_that_dies(tmp_path):
    path = tmp_path / "lock"
    code = f"import os; from pathlib import Path; from labmodels.lab import locked; locked(Path({str(path)!r}), 0).__enter__(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 9
    with locked(path, 0):
        pass


def test_a_lock_that_cannot_be_made_is_a_storage_fault(tmp_path):
    with pytest.raises(StorageFault, match="open the lock"), locked(tmp_path / "nowhere" / "lock", 0):
        pass


def test_looking_at_a_lock_keeps_nobody_out(tmp_path):
    path = tmp_path / "lock"
    path.write_bytes(b"")
    assert [is_held(path) for _ in range(3)] == [False] * 3
    with locked(path, 0):
        pass
