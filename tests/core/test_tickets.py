"""What is copied into a ticket: every letter shows, and names do nothing there."""

from markdown_it import MarkdownIt

from lib.core.tickets import Ticket

LINK = "http://host/outages?topic=t&clients=a%2Ab"


def test_markdown_and_plain_text_say_the_same():
    ticket = Ticket("Client 2 was silent for 65.2 s.", {"Events held back": "31"}, LINK)
    assert ticket.markdown == (
        "**Client 2 was silent for 65.2 s.**\n\n- Events held back: 31\n\n"
        f"[Open in Skewline](<{LINK}>)"
    )
    assert ticket.plain == f"Client 2 was silent for 65.2 s.\n\nEvents held back: 31\n\n{LINK}"


def test_names_are_no_markup_no_mention_and_no_line_of_their_own():
    name = "*a* [x](http://y) <b> `c` @all #1\n# head \u202e ~~z~~"
    ticket = Ticket(f"Client {name} is gone.", {"Client": name}, LINK)
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(ticket.markdown)
    for tag in ("<em>", "<b>", "<code>", "<h1>", "<s>", 'href="http://y"'):
        assert tag not in shown
    assert shown.count("<a ") == 1
    assert r"\@all" in ticket.markdown
    assert ticket.plain.count("⟨U+000A⟩# head ⟨U+202E⟩") == 2
