import pytest

NEW = {"email": "Erin@example.com", "roles": ["operator"], "namespaces": ["shop"], "name": "Erin"}


async def test_somebody_added_can_act_at_once(owner, house):
    """The person is known by e-mail and holds the role in the namespaces given."""
    response = await owner.post("/api/v1/people", json=NEW)

    assert response.status == 201
    assert (await response.json())["id"] == "erin"
    person = await house.stores.bindings.person_by_email("erin@example.com")
    assert "deployments.scale:shop" in await house.stores.bindings.permissions_of(person.id, "demo")
    assert ("role_granted", "owner", "") in await house.events()


async def test_adding_again_gives_more_and_takes_nothing(owner, house):
    """The id stays, the roles add up."""
    await owner.post("/api/v1/people", json=NEW)
    body = await (await owner.post("/api/v1/people", json={**NEW, "roles": ["approver"], "namespaces": []})).json()

    assert body["id"] == "erin"
    assert {(one["role"], tuple(one["namespaces"])) for one in body["roles"]} == {
        ("operator", ("shop",)),
        ("approver", ("*",)),
    }


async def test_two_people_with_the_same_name_before_the_at_stay_two(owner):
    """Nobody inherits the roles of another."""
    body = await (await owner.post("/api/v1/people", json={"email": "alice@other.example", "roles": ["viewer"]})).json()

    assert body["id"] == "alice-2"


async def test_without_an_audit_record_nobody_is_added(owner, house):
    """Write-ahead: the role is given after the record is durable."""
    house.stores.audit.unavailable = True

    response = await owner.post("/api/v1/people", json=NEW)

    assert response.status == 503
    assert await house.stores.bindings.person_by_email("erin@example.com") is None


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"email": "erin"}, "“erin” is not an e-mail address."),
        ({"email": "a b@example.com"}, "“a b@example.com” is not an e-mail address."),
        ({"roles": []}, "Somebody without a role can do nothing."),
        ({"roles": ["king"]}, "There is no role “king”."),
        ({"roles": "viewer"}, "The field “roles” must be a list of texts."),
        ({"namespaces": ["Shop"]}, "“Shop” is not the name of a namespace."),
        ({"workspace": "other"}, "There is no workspace “other”."),
        ({"name": 5}, "The field “name” must be text."),
    ],
)
async def test_a_mistake_adds_nobody(owner, house, change, detail):
    """All fields are checked before anything is written."""
    before = len(await house.stores.bindings.people())

    response = await owner.post("/api/v1/people", json={**NEW, **change})

    assert response.status == 422
    assert (await response.json())["detail"] == detail
    assert len(await house.stores.bindings.people()) == before


async def test_everybody_is_listed_with_their_roles(owner):
    """hexa user list."""
    body = await (await owner.get("/api/v1/people")).json()

    assert [(one["id"], [held["role"] for held in one["roles"]]) for one in body["people"]] == [
        ("alice", ["operator"]), ("bob", ["approver"]), ("carol", ["viewer"]), ("dave", ["admin"]),
    ]  # fmt: skip


@pytest.mark.parametrize("change", [{"name": "\x1b[2J"}, {"name": "Al\u202eice"}, {"email": "e\x07@example.com"}])
async def test_nobody_is_called_what_cannot_be_shown(owner, house, change):
    """A name is shown on cards and terminals."""
    response = await owner.post("/api/v1/people", json={**NEW, **change})

    assert response.status == 422
    assert not await house.events()
