from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security import audit

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def event(number):
    return audit.Event(
        "authorization_granted", "demo", "alice", f"operation {number}", "granted", START + timedelta(seconds=number)
    )


def chain(length, key=KEY):
    records, previous = [], audit.GENESIS
    for number in range(1, length + 1):
        records.append(audit.link(key, event(number), sequence=number, previous=previous))
        previous = records[-1].mac
    return records


def anchor(records, sequence, key=KEY):
    head = records[sequence - 1].mac if sequence else audit.GENESIS
    return audit.sign_anchor(key, workspace_id="demo", sequence=sequence, head=head, at=START)


def findings(records, anchors=(), key=KEY):
    return [(one.sequence, one.problem) for one in audit.verify(key, "demo", records, anchors)]


def edited(record, **changes):
    return replace(record, event={**record.event, **changes})


def test_an_untouched_chain_is_intact():
    """Empty, short, anchored in the middle and at its end."""
    records = chain(5)

    assert findings([]) == []
    assert findings(records) == []
    assert findings(records, [anchor(records, 2), anchor(records, 5), anchor(records, 5)]) == []


@pytest.mark.parametrize("field", list(event(1).to_plain()))
def test_an_edit_of_any_field_is_found_where_it_stands(field):
    """Whoever can write the database cannot make the MAC."""
    records = chain(5)
    records[2] = edited(records[2], **{field: "changed"})

    assert (3, "the record was edited") in findings(records)


def test_a_deleted_record_is_found():
    """In the middle and at the beginning."""
    records = chain(5)

    assert findings([*records[:2], *records[3:]])[0] == (4, "a record is missing before this one")
    assert findings(records[1:])[0] == (2, "a record is missing before this one")


def test_reordered_and_inserted_records_are_found():
    """The sequence is under the MAC."""
    records = chain(4)

    assert findings([records[0], records[2], records[1], records[3]])
    assert findings([*records[:2], records[1], *records[2:]])
    renumbered = replace(records[1], sequence=3)
    assert (3, "the record was edited") in findings([records[0], records[1], renumbered, records[3]])


def test_a_chain_written_anew_with_another_key_is_found():
    """The key lies outside the database."""
    assert findings(chain(3, OTHER_KEY)) == [(number, "the record was edited") for number in (1, 2, 3)]


def test_records_of_another_workspace_do_not_fit():
    """The workspace is under the MAC as well."""
    foreign = audit.link(KEY, replace(event(1), workspace_id="other"), sequence=1, previous=audit.GENESIS)

    assert findings([foreign]) == [(1, "the record was edited")]


def test_truncation_is_found_up_to_the_last_anchor():
    """The tail after it is the stated residual risk."""
    records = chain(5)
    anchors = [anchor(records, 2), anchor(records, 4)]

    assert findings(records[:4], anchors) == []
    assert findings(records[:3], anchors) == [(4, "records up to this anchor are missing at the end (truncated)")]
    assert [number for number, _ in findings([], anchors)] == [2, 4]


def test_a_chain_rewritten_from_the_middle_with_the_key_differs_from_its_anchor():
    """Even the holder of the key cannot change what was anchored elsewhere."""
    records = chain(3)
    forged = audit.link(KEY, replace(event(2), actor="mallory"), sequence=2, previous=records[0].mac)
    last = audit.link(KEY, event(3), sequence=3, previous=forged.mac)

    assert findings([records[0], forged, last]) == []
    assert findings([records[0], forged, last], [anchor(records, 3)]) == [(3, "the record differs from its anchor")]


@pytest.mark.parametrize(
    "change", [{"sequence": 2}, {"head": "0" * 64}, {"at": "2027-01-01T00:00:00+00:00"}, {"signature": "0" * 64}]
)
def test_a_forged_anchor_is_found_and_proves_nothing(change):
    """It neither hides a truncation nor invents one."""
    records = chain(3)

    found = findings(records, [replace(anchor(records, 3), **change)])

    assert [problem for _, problem in found] == ["an anchor was forged or made with another key"]


def test_times_are_recorded_in_utc():
    """The same moment in another zone is the same record."""
    shifted = replace(event(1), at=event(1).at.astimezone(tz=None))

    assert shifted.to_plain() == event(1).to_plain()


@given(st.integers(2, 6), st.data())
def test_any_single_change_to_a_chain_is_found(length, data):
    """Delete, swap, duplicate or edit: the anchor at the end leaves no gap."""
    records = chain(length)
    anchors = [anchor(records, length)]
    place = data.draw(st.integers(0, length - 1))
    kind = data.draw(st.sampled_from(["delete", "swap", "duplicate", "edit", "previous", "mac"]))
    changed = list(records)
    if kind == "delete":
        del changed[place]
    elif kind == "swap":
        other = data.draw(st.integers(0, length - 1).filter(lambda one: one != place))
        changed[place], changed[other] = changed[other], changed[place]
    elif kind == "duplicate":
        changed.insert(place, changed[place])
    elif kind == "edit":
        changed[place] = edited(changed[place], actor="mallory")
    else:
        changed[place] = replace(changed[place], **{kind: "f" * 64})

    assert findings(changed, anchors)


def test_a_chain_that_was_cut_and_grew_again_differs_from_its_first_anchor():
    """A later anchor of the same sequence does not replace the earlier one."""
    records = chain(5)
    before = anchor(records, 5)
    forked = [*records[:2]]
    for number in range(3, 6):
        forked.append(audit.link(KEY, event(number + 10), sequence=number, previous=forked[-1].mac))

    assert (5, "the record differs from its anchor") in findings(forked, [before, anchor(forked, 5)])


@pytest.mark.parametrize("mac", ["", "zé", "\ud800", None])
@pytest.mark.parametrize("value", [float("nan"), "\ud800", object()])
def test_what_could_never_have_been_sealed_was_edited(value, mac):
    """Whatever stands there is a finding, never an error, and never a match."""
    records = chain(3)
    records[1] = replace(edited(records[1], reason=value), **({} if mac is None else {"mac": mac}))

    assert (2, "the record was edited") in findings(records)
