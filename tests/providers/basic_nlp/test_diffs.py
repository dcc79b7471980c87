"""A diff is told by its files, its counts and the lines to look at first, with places in the diff and in the new file."""

from __future__ import annotations

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.basic_nlp.asking import KEY, PASSWORD, ask

DIFF = f"""\
From 1234 Mon Sep 17 00:00:00 2001
Subject: [PATCH] Newer client

diff --git a/src/client.py b/src/client.py
index 111..222 100644
--- a/src/client.py
+++ b/src/client.py
@@ -10,5 +10,7 @@ class Client:
     def get(self, url):
-        return session.get(url)
+        key = "{KEY}"
+        return session.get(url, verify=False)
+
 # end
--- comment that looks like a header
+++ another one
     pass
@@ -40,2 +42,2 @@ def main() -> None:
-    pass
+    run()
     return
diff --git a/tests/test_client.py b/tests/test_client.py
--- a/tests/test_client.py
+++ b/tests/test_client.py
@@ -1,5 +1,4 @@
-def test_a_reply_is_checked():
-    assert True
+def test_moved():
+    assert 1
 def test_kept():
     pass
-def test_moved():
diff --git a/requirements.txt b/requirements.txt
--- a/requirements.txt
+++ b/requirements.txt
@@ -1 +1 @@
-httpx==0.27.0
+httpx==0.28.1
diff --git a/docs/old name.md b/docs/new name.md
similarity index 100%
rename from docs/old name.md
rename to docs/new name.md
diff --git a/logo.png b/logo.png
new file mode 100644
index 000..333
Binary files /dev/null and b/logo.png differ
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
--- a/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
-bye
\\ No newline at end of file
"""


def test_files_counts_states_and_functions_are_told():
    answer = ask("what changed?", {"new.patch": DIFF})
    lines = answer.text.split("\n")
    assert lines[1] == "new.patch: 6 files, +8 -8"
    assert "  src/client.py: changed, +5 -3, a hunk is shorter than its header says" not in lines
    assert "  src/client.py: changed, +5 -3" in lines
    assert "      in class Client:  [new.patch:8]" in lines and "      in def main() -> None:  [new.patch:18]" in lines
    assert "  docs/old name.md -> docs/new name.md: renamed, +0 -0" in lines
    assert "  logo.png: added, binary" in lines and "  gone.txt: deleted, +0 -1" in lines


def test_what_to_look_at_first_has_its_place_in_the_diff_and_in_the_new_file():
    answer = ask("review this diff", {"new.patch": DIFF})
    first = answer.text.split("\n")
    first = first[first.index("Look at first, with the places in the diff and in the new file:") + 1 :]
    assert first == [
        "  may hold a secret: + (not quoted)  [new.patch:11, src/client.py:11]",
        "  certificates are not checked: + return session.get(url, verify=False)  [new.patch:12, src/client.py:12]",
        "  test removed: - def test_a_reply_is_checked():  [new.patch:26, tests/test_client.py:1]",
        "  version before: - httpx==0.27.0  [new.patch:37, requirements.txt:1]",
        "  version after: + httpx==0.28.1  [new.patch:38, requirements.txt:1]",
    ]
    assert KEY not in answer.text and PASSWORD not in answer.text


def test_a_pasted_diff_is_quoted_by_the_lines_of_the_question():
    answer = ask("what changed here?\n" + DIFF)
    assert "[line 13, src/client.py:12]" in answer.text


def test_a_diff_that_is_cut_says_so_and_one_without_a_change_is_an_abstention():
    cut = "\n".join(DIFF.split("\n")[:11])
    assert "a hunk is shorter than its header says" in ask("explain", {"a.diff": cut}).text
    assert ask("explain", {"a.diff": "@@ -1 +1 @@\n-a\n+b\n"}).sources == ()


def test_plain_diffs_and_merges_are_read_too():
    plain = "--- old/x.txt\t2026-01-01 00:00:00\n+++ new/x.txt\t2026-01-02 00:00:00\n@@ -1 +1 @@\n-a\n+b\n"
    assert "  new/x.txt: changed, +1 -1" in ask("explain", {"a.txt": plain}).text
    merge = "diff --cc x.py\nindex 1,2..3\n--- a/x.py\n+++ b/x.py\n@@@ -1,1 -1,1 +1,2 @@@\n++a\n"
    assert "1 hunk of a merge not counted" in ask("explain", {"a.diff": merge}).text


_line = st.sampled_from(
    ["", "a", "--- x", "+++ y", "@@ -1 +1 @@", "diff --git a/q b/q", "def test_z():", "v 1.2.3", "v 1.2.4", "é", "-- ", "\tb"]
)
_text = st.lists(_line, max_size=12).map(lambda lines: "".join(f"{line}\n" for line in lines))


@settings(max_examples=25, deadline=None)
@given(_text, _text)
def test_counts_are_those_of_git_whatever_the_lines_look_like(tmp_path_factory, before, after):
    folder = tmp_path_factory.mktemp("diff")
    (folder / "old").write_text(before)
    (folder / "new").write_text(after)

    def git(*options: str) -> str:
        command = ["git", "-c", "core.autocrlf=false", "diff", "--no-index", *options, "old", "new"]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=30).stdout

    numbers = git("--numstat").split("\t")
    if len(numbers) > 1:
        assert f"changed, +{numbers[0]} -{numbers[1]}" in ask("what changed?", {"x.diff": git()}).text
