"""What a refusal of Slack means for a message: another form, another place, later, or never."""

from enum import Enum


class Verdict(Enum):
    CONTENT = "content"  #: this form is not taken
    ELSEWHERE = "elsewhere"  #: this place is closed to us
    LATER = "later"  #: somebody has to repair the installation
    NEVER = "never"


CONTENT = frozenset(
    {
        "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "too_many_attachments",
        "invalid_attachments", "markdown_text_conflict", "block_mismatch",
    }
)  # fmt: skip

CLOSED = frozenset(
    {
        "channel_not_found", "not_in_channel", "is_archived", "thread_locked", "thread_not_found", "message_not_found",
        "cannot_reply_to_message", "restricted_action", "restricted_action_read_only_channel",
        "restricted_action_thread_locked", "restricted_action_thread_only_channel",
        "restricted_action_non_threadable_channel", "user_not_in_channel", "as_user_not_supported",
        "messages_tab_disabled", "user_not_found", "ekm_access_denied", "slack_connect_file_link_sharing_blocked",
    }
)  # fmt: skip

INSTALLATION = frozenset(
    {
        "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
        "no_permission", "org_login_required", "not_allowed_token_type", "access_denied",
    }
)  # fmt: skip


def of_post(code: str) -> Verdict:
    if code in CONTENT:
        return Verdict.CONTENT
    if code in CLOSED:
        return Verdict.ELSEWHERE
    return Verdict.LATER if code in INSTALLATION else Verdict.NEVER


def of_edit(code: str) -> Verdict:
    """An edit has no other place: the message itself is gone or closed."""
    if code in CONTENT:
        return Verdict.CONTENT
    return Verdict.LATER if code in INSTALLATION else Verdict.NEVER
