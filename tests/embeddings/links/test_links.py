"""Links over real indexes: each has its evidence, common names link nothing, and what is gone is linked no more."""

from __future__ import annotations

import pytest

from labmodels.embeddings.links.links import links
from labmodels.embeddings.links.mentions import MOST_FILES
from labmodels.errors import Usage
from tests.embeddings.indexed import DOMAINS, Shelf, WordEncoder

FILES = {
    "docs/disk.md": "# Disk\n\nENOSPC comes from `write_index`. Watch disk_free_bytes, see [Keys](guide/keys.md).\n",
    "docs/guide/keys.md": "# Keys\n\nNothing of that.\n",
    "docs/far.md": "# Far\n\nIt is told in [Disk](disk.md), and the write index is told of.\n",
    "src/store.py": 'def write_index(folder):\n    """Raises ENOSPC."""\n    return folder\n',
    "metrics/node.prom": "# HELP disk_free_bytes Free space.\n# TYPE disk_free_bytes gauge\ndisk_free_bytes 3\n",
}


def shelf_of(folder, files=FILES, encoder=None):
    return Shelf(folder, encoder, files)


def linked(shelf, path, line):
    with shelf.reader() as reader:
        domains = [name for name in DOMAINS if reader.live(name)]
        here, found = links(reader, path, line, domains)
    return here, {
        f"{link.chunk.path}:{link.chunk.line}": [(one.role, one.kind, one.name, one.line) for one in link.mentions] for link in found
    }


def test_what_two_passages_name_links_them_with_its_role_and_line(tmp_path):
    here, found = linked(shelf_of(tmp_path), "docs/disk.md", 3)
    assert (here.path, here.line) == ("docs/disk.md", 1)
    assert found["src/store.py:1"] == [("mentions", "error code", "ENOSPC", 2), ("defines", "symbol", "write_index", 1)]
    assert found["metrics/node.prom:1"] == [("defines", "metric", "disk_free_bytes", 1)]
    assert found["docs/guide/keys.md:1"] == [("is", "path", "docs/guide/keys.md", 1)]
    assert found["docs/far.md:1"] == [("mentions", "path", "docs/disk.md", 3)]
    assert next(iter(found)) == "src/store.py:1"


def test_a_link_goes_both_ways(tmp_path):
    shelf = shelf_of(tmp_path)
    assert ("mentions", "symbol", "write_index", 3) in linked(shelf, "src/store.py", 1)[1]["docs/disk.md:1"]
    assert linked(shelf, "docs/guide/keys.md", 3)[1] == {"docs/disk.md:1": [("mentions", "path", "docs/guide/keys.md", 3)]}


def test_a_link_goes_with_its_source(tmp_path):
    shelf = shelf_of(tmp_path)
    (tmp_path / "src/store.py").write_text("def other():\n    return 1\n")
    (tmp_path / "docs/far.md").unlink()
    (tmp_path / "docs/guide/keys.md").unlink()
    shelf.update("source_code", "documentation")
    assert set(linked(shelf, "docs/disk.md", 1)[1]) == {"metrics/node.prom:1"}


@pytest.mark.parametrize(("others", "is_linked"), [(MOST_FILES, True), (MOST_FILES + 1, False)])
def test_a_name_that_many_files_hold_links_nothing(tmp_path, others, is_linked):
    files = {f"docs/{n}.md": f"Note {n} tells of LM204.\n" for n in range(others)}
    found = linked(shelf_of(tmp_path, {"docs/here.md": "LM204 it is.\n", **files}), "docs/here.md", 1)[1]
    assert len(found) == (others if is_linked else 0)


def test_the_rarer_name_comes_first(tmp_path):
    files = {"docs/here.md": "LM204 and LM301.\n", "docs/a.md": "LM204.\n", "docs/b.md": "LM204 too.\n", "docs/c.md": "LM301.\n"}
    assert next(iter(linked(shelf_of(tmp_path, files), "docs/here.md", 1)[1])) == "docs/c.md:1"


NEAR = {
    "docs/a.md": "# Rotation\n\nReplace the secret of a provider at night.\n",
    "docs/b.md": "# Backups\n\nA snapshot is verified and then kept.\n",
    "src/a.py": 'def rotate():\n    """Replace the secret of a provider."""\n',
    "src/b.py": 'def snap():\n    """A snapshot is verified."""\n',
}


def test_passages_of_two_domains_that_are_nearest_to_each_other_are_linked(tmp_path):
    with shelf_of(tmp_path, NEAR).reader() as reader:
        _, found = links(reader, "docs/a.md", 3, ["documentation", "source_code"])
    assert [link.chunk.path for link in found] == ["src/a.py"]
    near = found[0].nearness
    assert near.cosine > 0.6 and (near.rank, near.rank_back) == (1, 1) and found[0].mentions == ()


def test_a_passage_that_others_are_nearer_to_is_no_neighbour(tmp_path):
    crowd = {f"docs/near{n}.md": f"Replace the secret of a provider number {n}.\n" for n in range(4)}
    with shelf_of(tmp_path, {**NEAR, **crowd}).reader() as reader:
        _, found = links(reader, "docs/a.md", 3, ["documentation", "source_code"])
    assert [link for link in found if link.nearness] == []


def test_copies_of_a_passage_do_not_crowd_each_other_out(tmp_path):
    copies = {f"docs/copy{n}.md": NEAR["docs/a.md"] for n in range(4)}
    with shelf_of(tmp_path, {**NEAR, **copies}).reader() as reader:
        _, found = links(reader, "docs/copy3.md", 3, ["documentation", "source_code"])
    assert [(link.chunk.path, link.nearness.rank_back) for link in found] == [("src/a.py", 1)]
    nearer = {f"src/nearer{n}.py": 'def rotate():\n    """Replace the secret of a provider at night."""\n' for n in range(4)}
    with shelf_of(tmp_path, {**NEAR, **nearer}).reader() as reader:
        _, found = links(reader, "docs/a.md", 3, ["documentation", "source_code"])
    assert [link.nearness.rank for link in found] == [1, 2] and found[1].chunk.path == "src/a.py"


def test_domains_of_another_space_are_not_compared(tmp_path):
    shelf = shelf_of(tmp_path, NEAR)
    shelf.encoder = WordEncoder(fingerprint="another")
    shelf.update("source_code")
    with shelf.reader() as reader:
        assert links(reader, "docs/a.md", 3, ["documentation", "source_code"])[1] == ()


def test_a_line_that_is_in_no_index_is_told(tmp_path):
    shelf = shelf_of(tmp_path)
    for path, line in (("docs/disk.md", 99), ("docs/absent.md", 1)):
        with shelf.reader() as reader, pytest.raises(Usage) as caught:
            links(reader, path, line, ["documentation"])
        assert "in no index" in str(caught.value)
