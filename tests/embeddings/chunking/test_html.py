"""HTML gives what a reader sees, with its place; what only a browser reads is left out."""

from __future__ import annotations

from html import escape

from hypothesis import given
from hypothesis import strategies as st

from tests.embeddings.chunking.cutting import assert_bounded, cut, squeezed

PAGE = """\
<!doctype html><html><head><title>The  guide</title><style>x { y: z }</style>
<script>var a = "<p>hidden</p>";</script></head>
<body><h1>Main</h1>
<p>One <b>bold</b>ly said
and more &amp; more.</p>
<ul><li>first<li>second</ul>
<h2>Below</h2><pre>code   here
  and here</pre>
<table><tr><th>a</th><th>b</th></tr><tr><td>c<td>d</table>
</body></html>
"""


def test_text_stands_below_its_headings_at_its_lines():
    main, below = cut("p.html", PAGE)
    assert (main.line, main.end_line, main.trail) == (1, 6, ("The guide", "Main"))
    assert "One boldly said\nand more & more." in main.text and "hidden" not in main.text and "y: z" not in main.text
    assert (below.line, below.end_line, below.trail) == (7, 9, ("The guide", "Main", "Below"))
    assert "code   here\n  and here" in below.text and "a | b\n\nc | d" in below.text


def test_what_is_not_shown_ends_with_its_own_tag():
    assert [one.text for one in cut("p.html", "<svg><text>no</text></svg><p>yes</p><template><p>no</p></template>")] == ["yes"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["p", "h1", "h3", "li", "pre", "td", "b", "div", "br"]), st.text("ab <&é\n", max_size=20), st.booleans()),
        max_size=30,
    ),
    st.integers(16, 60),
)
def test_every_word_is_given_once_and_in_order(pieces, most):
    text = "".join(f"<{tag}>{escape(data)}" + (f"</{tag}>" if is_closed else "") for tag, data, is_closed in pieces)
    found = cut("p.html", text, most=most)
    assert_bounded(found, most)
    assert squeezed("".join(one.text for one in found)).replace("|", "") == squeezed("".join(data for _, data, _ in pieces))
    assert [one.line for one in found] == sorted(one.line for one in found)


@given(st.text("<>/!-&;ab\"'= \n", max_size=200))
def test_broken_markup_never_fails(text):
    assert_bounded(cut("p.html", text, most=20), 20)
