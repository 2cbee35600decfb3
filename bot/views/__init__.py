"""Replies as Block Kit: pure functions, no Slack client, no clock."""
