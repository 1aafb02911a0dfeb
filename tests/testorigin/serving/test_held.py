"""What waits for the same thing stands in one line: it is woken together, in its order, and costs one look."""

from collections.abc import Callable

from hls_swarm.testorigin.serving.held import Held, Shelf

Woken = list[tuple[str, bool]]


def keep(shelf: Shelf, wanted: tuple[int, int | None], deadline: float, name: str, woken: Woken) -> None:
    Held(shelf, wanted, deadline).keep(lambda in_vain: woken.append((name, in_vain)))


def wake(shelf: Shelf, has: Callable[[int, int | None], bool], now: float) -> None:
    for each, in_vain in shelf.take(has, now):
        each(in_vain)


def test_a_line_is_woken_when_what_it_waits_for_is_there_whatever_its_length() -> None:
    shelf, woken, looked = Shelf(), Woken(), []
    for nth in range(1000):
        keep(shelf, (7, 2), 100.0 + nth, f"a{nth}", woken)
    keep(shelf, (7, 3), 100.0, "b", woken)
    keep(shelf, (7, None), 100.0, "c", woken)

    def has(segment: int, part: int | None) -> bool:
        looked.append((segment, part))
        return (segment, part) == (7, 2)

    wake(shelf, has, 99.0)
    assert woken == [(f"a{nth}", False) for nth in range(1000)]
    assert looked == [(7, 2), (7, 3), (7, None)]
    assert list(shelf.waiting) == [(7, 3), (7, None)]


def test_who_has_waited_for_too_long_is_told_so_and_those_behind_wait_on() -> None:
    shelf, woken = Shelf(), Woken()
    for name, deadline in (("a", 10.0), ("b", 10.5), ("c", 11.0)):
        keep(shelf, (7, 2), deadline, name, woken)
    wake(shelf, lambda *_: False, 9.9)
    assert woken == []
    wake(shelf, lambda *_: False, 10.5)
    assert woken == [("a", True), ("b", True)]
    wake(shelf, lambda *_: False, 20.0)
    assert woken[2:] == [("c", True)]
    assert not shelf.waiting


def test_who_is_woken_may_wait_anew() -> None:
    shelf, woken = Shelf(), Woken()

    def again(in_vain: bool) -> None:
        woken.append(("first", in_vain))
        keep(shelf, (7, 3), 20.0, "second", woken)

    Held(shelf, (7, 2), 10.0).keep(again)
    wake(shelf, lambda _, part: part == 2, 5.0)
    assert woken == [("first", False)]
    assert list(shelf.waiting) == [(7, 3)]
