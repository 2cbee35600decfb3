"""The HTTP API around a core."""

from aiohttp import web

import console.api
from hexa.bootstrap import Core, new_id


def routes(core: Core, *, token: str, default_person: str = "") -> list[web.RouteDef]:
    """The routes of the API for whoever holds *token*; *default_person* asks when a request names nobody."""
    configuration, stores = core.configuration, core.stores
    return console.api.routes(
        console.api.Services(
            token=token,
            conversation=core.conversation,
            decisions=core.decisions,
            runs=stores.runs,
            approvals=stores.approvals,
            bindings=stores.bindings,
            audit=stores.audit,
            changed=stores.changed,
            checks=core.checks,
            metrics=core.metrics,
            workspaces=tuple(one.id for one in configuration.workspaces),
            roles=frozenset(configuration.roles()),
            clock=core.clock,
            new_id=new_id,
            default_person=default_person,
        )
    )
