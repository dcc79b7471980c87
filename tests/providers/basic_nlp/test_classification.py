"""A label is chosen by shared words, shown with their places; without a clear lead there is none."""

from __future__ import annotations

from labmodels.embeddings.chunking.markdown import passages
from labmodels.embeddings.documents import Document
from labmodels.providers.basic_nlp import BasicNlp
from labmodels.providers.protocol import Message, Request
from tests.providers.basic_nlp.asking import ask

TICKET = "The training on node 4 stopped in the night.\nIts disk array reports bad sectors and parity is being rebuilt.\n"
FOUND = [
    *passages(
        Document(
            "docs/storage.md", "# Storage\n\nThe array rebuilds parity when a disk has bad sectors.\n\nBad disk sectors are remapped.\n"
        )
    ),
    *passages(Document("docs/network.md", "# Network\n\nSwitches and links carry packets between nodes.\n")),
    *passages(Document("docs/lunch.md", "# Lunch\n\nParity of disk array sectors.\n")),
]
ABSTAINED = "Neither the text nor the lab's documents tell which label fits."


def test_the_labs_documents_of_a_labels_name_speak_for_it():
    answer = ask("Classify this ticket as: network, storage, or power", {"ticket.txt": TICKET}, FOUND)
    lines = answer.text.split("\n")
    assert lines[1].startswith("storage (score ") and "next is network with" in lines[1]
    assert "  Its disk array reports bad sectors and parity is being rebuilt.  [ticket.txt:2]" in lines
    assert lines[-2:] == [
        "  The array rebuilds parity when a disk has bad sectors.  [docs/storage.md:3]",
        "  Bad disk sectors are remapped.  [docs/storage.md:5]",
    ]
    assert "lunch" not in answer.text


def test_a_label_that_the_text_names_needs_no_documents():
    assert "\nstorage (" in ask('classify "storage of node 3 is full" as: network, storage').text
    assert "\nnetwork (" in ask("Classify as network or storage: the networks are down").text


def test_no_evidence_or_as_much_for_two_labels_is_an_abstention():
    for question in ("classify as: red, blue", "classify as: training, disk", "categorise into: a, b"):
        answer = ask(question, {"ticket.txt": TICKET})
        assert (answer.text, answer.sources) == (ABSTAINED, ())


def test_what_is_said_of_all_labels_decides_nothing():
    shared = "rack cable power panel vendor"
    found = [
        *passages(Document("storage.md", f"# Storage\n\nDisk sectors, {shared}.\n")),
        *passages(Document("network.md", f"# Network\n\nPackets, {shared}.\n")),
    ]
    assert "\nstorage (score 2.00;" in ask(f"classify '{shared}, disk sectors' as: storage, network", found=found).text


def test_without_labels_it_says_what_it_needs():
    assert ask("classify this", {"ticket.txt": TICKET}).text.startswith("Say which labels there are")


def test_the_order_of_what_is_found_changes_nothing():
    def reply(found):
        return BasicNlp(lambda query, domain: found).complete(
            Request((Message("user", "classify 'disk sectors bad parity' as: storage, network"),))
        )

    assert reply(FOUND) == reply(FOUND[::-1])
    assert "storage (" in reply(FOUND).text
