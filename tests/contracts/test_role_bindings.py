"""security.ports.RoleBindings"""

from security.subjects import Person, RoleBinding

ALICE = Person("alice", "Alice@Example.com", "Alice")
BOB = Person("bob", "bob@example.com")
OPERATOR = RoleBinding("alice", "acme", "operator", ("shop",))
APPROVER = RoleBinding("bob", "*", "approver")


async def test_people_are_found_by_id_and_by_email_in_any_case(stores):
    """Slack writes an address as its owner typed it."""
    await stores.bindings.replace_configured([ALICE, BOB], [])

    assert await stores.bindings.person("alice") == ALICE
    assert await stores.bindings.person_by_email(" alice@EXAMPLE.com") == ALICE
    assert await stores.bindings.person("carol") is None
    assert await stores.bindings.person_by_email("") is None
    assert await stores.bindings.person_by_email("alic\u0435@example.com") is None
    assert list(await stores.bindings.people()) == [ALICE, BOB]


async def test_addresses_that_only_fold_together_are_two(stores):
    """Case is ignored, letters are not: an address with ss is not that with sharp s."""
    await stores.bindings.replace_configured([Person("s", "strasse@example.com", "S")], [])

    assert await stores.bindings.person_by_email("stra\u00dfe@example.com") is None


async def test_permissions_are_those_held_now(stores):
    """A role that is taken away in the file is gone with the next load."""
    await stores.bindings.replace_configured([ALICE, BOB], [OPERATOR, APPROVER])
    before = await stores.bindings.permissions_of("alice", "acme")
    await stores.bindings.replace_configured([ALICE, BOB], [APPROVER])

    assert "deployments.scale:shop" in before
    assert list(await stores.bindings.permissions_of("alice", "acme")) == []
    assert "approvals.decide:*" in await stores.bindings.permissions_of("bob", "acme")


async def test_a_binding_of_nobody_gives_nothing(stores):
    """Roles of somebody who is not known any more are not permissions."""
    await stores.bindings.replace_configured([BOB], [OPERATOR])

    assert list(await stores.bindings.permissions_of("alice", "acme")) == []
    assert list(await stores.bindings.everyones_permissions("acme")) == ["bob"]


async def test_everyones_permissions_are_each_ones(stores):
    """One look-up tells the same as many."""
    await stores.bindings.replace_configured([ALICE, BOB], [OPERATOR, APPROVER])
    everyone = await stores.bindings.everyones_permissions("acme")

    assert list(everyone) == ["alice", "bob"]
    for person_id, held in everyone.items():
        assert list(held) == list(await stores.bindings.permissions_of(person_id, "acme"))


async def test_another_workspace_is_another_matter(stores):
    """A binding counts in its workspace; the star is every workspace."""
    await stores.bindings.replace_configured([ALICE, BOB], [OPERATOR, APPROVER])

    assert list(await stores.bindings.permissions_of("alice", "other")) == []
    assert await stores.bindings.permissions_of("bob", "other")


async def test_what_was_added_by_hand_outlives_the_file(stores):
    """The file replaces only what came from it."""
    await stores.bindings.replace_configured([ALICE], [OPERATOR])
    await stores.bindings.add(BOB, [RoleBinding("bob", "acme", "viewer")])
    await stores.bindings.add(BOB, [RoleBinding("bob", "acme", "viewer", ("shop",))])
    await stores.bindings.replace_configured([], [])

    assert list(await stores.bindings.people()) == [BOB]
    assert list(await stores.bindings.bindings_of("bob")) == [RoleBinding("bob", "acme", "viewer", ("shop",))]


async def test_the_configuration_says_who_somebody_is(stores):
    """Adding somebody with the address of a configured person does not take over that address."""
    await stores.bindings.replace_configured([ALICE], [OPERATOR])
    await stores.bindings.add(Person("mallory", "alice@example.com"), [])

    assert (await stores.bindings.person_by_email("alice@example.com")).id == "alice"


async def test_namespaces_of_several_bindings_come_together(stores):
    """A role given twice in the file holds in both places."""
    twice = [OPERATOR, RoleBinding("alice", "acme", "operator", ("staging",))]
    await stores.bindings.replace_configured([ALICE], twice)
    held = await stores.bindings.permissions_of("alice", "acme")

    assert {"deployments.scale:shop", "deployments.scale:staging"} <= set(held)
