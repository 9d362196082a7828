"""Names of posts and process states in the reader's language."""

from __future__ import annotations

from kaitong.core import wording
from kaitong.org import queries as org


def post_names() -> dict[str, str]:
    """Titles of posts by key, in one query."""
    english = wording.english()
    return {
        key: post.name_en if english and post.name_en else post.name
        for key, post in org.posts_by_key().items()
    }
