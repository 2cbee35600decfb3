"""A bounded cache with an age per entry, for what Slack tells about people and channels."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class AgingCache(Generic[Key, Value]):
    """Remembers each value for as long as it was put in for."""

    def __init__(self, clock: Callable[[], datetime], *, limit: int = 5_000) -> None:
        self._clock = clock
        self._limit = limit
        self._entries: OrderedDict[Key, tuple[datetime, Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        entry = self._entries.get(key)
        if entry is None or entry[0] <= self._clock():
            return None
        return entry[1]

    def put(self, key: Key, value: Value, *, seconds: float) -> Value:
        while len(self._entries) >= self._limit:
            self._entries.popitem(last=False)
        self._entries[key] = (self._clock() + timedelta(seconds=seconds), value)
        return value
