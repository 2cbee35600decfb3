"""The Bolt app: one first middleware for HTTP and Socket Mode alike that stores what counts and stops.

A request is acknowledged because its row is committed, not because somebody began to work on it. Whatever is not
stored is for a listener or for nobody; both are answered 200, or Slack would count failures and repeat.
"""

import logging
import re
from collections.abc import Callable
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.incoming import Normaliser, Unstored
from bot.installation import Installation
from workflows.ports import Dispatcher, Inbox

logger = logging.getLogger("aiops.slack")

NOT_ACCEPTED = (
    "I could not take this: my storage does not answer, so nothing was accepted and nothing was changed. "
    "Please send it again in a minute; if it keeps failing, tell whoever runs Hexa: its /readyz says what is wrong."
)


class Intake(AsyncMiddleware):
    """Writes the inbox row, then acknowledges. *checkpoint* is told in between; a test may end the process there."""

    def __init__(
        self, normalise: Normaliser, inbox: Inbox, dispatcher: Dispatcher, checkpoint: Callable[[str], None]
    ) -> None:
        self._normalise = normalise
        self._inbox = inbox
        self._dispatcher = dispatcher
        self._checkpoint = checkpoint

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 -- the names are Bolt's
        next: Callable[[], Any],  # noqa: A002
    ) -> BoltResponse | None:
        item = self._normalise(req.body)
        if item is Unstored.LISTENED:
            await next()
            return None
        if item is not Unstored.IGNORED and await self._inbox.accept(item):
            self._checkpoint("after_commit")
            self._dispatcher.turn(item.lane)
        return BoltResponse(status=200, body="")


class KnownAuthorize(AsyncAuthorize):
    """Answers from what is known, without a call: Slack being down must not delay an acknowledgement.

    Given to Bolt explicitly because it would otherwise switch to OAuth with files in the home directory as soon as
    SLACK_CLIENT_ID and SLACK_CLIENT_SECRET are set.
    """

    def __init__(self, installation: Installation, token: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._installation = installation
        self._token = token

    async def __call__(
        self,
        *,
        context: AsyncBoltContext,  # noqa: ARG002 -- the names are Bolt's
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,  # noqa: ARG002
        **_: Any,
    ) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_token=self._token,
            bot_user_id=self._installation.user_id or None,
            bot_id=self._installation.bot_id or None,
        )


def build_app(client: AsyncWebClient, intake: Intake, authorize: KnownAuthorize) -> AsyncApp:
    """The app; its own signature check is off because bot.ingress has checked, with two secrets if need be."""
    quiet = logging.getLogger("aiops.slack.sdk")
    quiet.setLevel(logging.ERROR)  # while it is built: Bolt warns that tokens it finds are not used, which is wanted
    app = AsyncApp(
        name="hexa",
        logger=quiet,
        client=client,
        signing_secret="checked-by-ingress",  # noqa: S106 -- the SDK refuses an empty one
        before_authorize=intake,
        authorize=authorize,
        request_verification_enabled=False,
        attaching_conversation_kwargs_enabled=False,
    )
    quiet.setLevel(logging.WARNING)  # and no lower: the SDK logs bodies at DEBUG and INFO
    app.error(_failed)
    anything = re.compile(".*", re.DOTALL)
    for register in (app.action, app.view, app.shortcut):
        register(anything)(_acknowledged)
    app.event(anything)(_seen)
    return app


async def _acknowledged(ack: AsyncAck) -> None:
    await ack()


async def _seen() -> None:
    """An event nobody here acts on."""


async def _failed(error: Exception, body: dict[str, Any]) -> BoltResponse:
    """An edge: Slack gets an answer that makes it try again, or a person one that makes them try again."""
    logger.error("a Slack request of type %s was not accepted", body.get("type", "command"), exc_info=error)
    if "command" in body:
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": NOT_ACCEPTED})
    return BoltResponse(status=500, body="")
