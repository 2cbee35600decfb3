"""What people type reaches the grammar as they meant it."""

import pytest

from bot import text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("<@UBOT> pods in shop", "pods in shop"),
        ("<@UBOT|hexa>   pods", "pods"),
        ("pods <@UBOT>", "pods"),
        ("tell <@U1|bob> in <#C1|ops>", "tell @bob in #ops"),
        ("look at <http://web.example|web.example>", "look at web.example"),
        ("look at <https://web.example/x>", "look at https://web.example/x"),
        ("mail <mailto:a@example.com|a@example.com>", "mail a@example.com"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("say \u201chi\u201d and \u2018ho\u2019", "say \"hi\" and 'ho'"),
        ("pods \u2014namespace shop", "pods --namespace shop"),
        ("pods \u2013n shop", "pods -n shop"),
        ("scale `web` to 6", "scale web to 6"),
        ("web\u00a06\u200b", "web 6"),
        ("apply ```\nkind: Pod\n```", "apply ```\nkind: Pod\n```"),
        ("5 \u2014 no option", "5 \u2014 no option"),
        ("<!here> look", "@here look"),
    ],
)
def test_markup_is_undone(typed, meant):
    """Mentions, links, entities and the typography of keyboards."""
    assert text.clean(typed, bot_user="UBOT") == meant


def test_an_entity_that_spells_a_token_stays_text():
    """Unescaping happens after tokens were read."""
    assert text.clean("&lt;@UBOT&gt; pods", bot_user="UBOT") == "<@UBOT> pods"


def test_the_mention_of_another_first_is_seen():
    """A message that begins with a name is for that person."""
    assert text.addressed_to_other("<@U1> look", "UBOT")
    assert not text.addressed_to_other("<@UBOT> look", "UBOT")
    assert not text.addressed_to_other("look <@U1>", "UBOT")
