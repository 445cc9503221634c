"""No cancellation is lost, neither by what is waited for nor by the one who waits."""

from __future__ import annotations

import asyncio

import pytest

from mmteb_synth.translate import waiting
from mmteb_synth.translate.waiting import end, soon, wait_within


def test_a_task_that_loses_a_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_CANCEL_AGAIN", 0.01)
    lost = 0

    async def careless() -> None:
        nonlocal lost
        while lost < 2:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                lost += 1
        await asyncio.sleep(3600)

    async def run() -> None:
        task = asyncio.create_task(careless())
        await asyncio.sleep(0)
        await end(task)
        assert task.cancelled()

    asyncio.run(run())
    assert lost == 2


def test_who_waits_for_an_end_can_be_cancelled_too() -> None:
    async def slow() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(3600)

    async def run() -> None:
        task = asyncio.create_task(slow())
        await asyncio.sleep(0)
        ending = asyncio.create_task(end(task))
        await asyncio.sleep(0.01)
        assert not ending.done()
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        task.cancel()
        await asyncio.wait((task,))

    asyncio.run(run())


def test_what_became_of_a_task_that_was_ended_is_nobodys_complaint() -> None:
    complaints: list[object] = []

    async def failing() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            raise ValueError("on the way out")

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        task = asyncio.create_task(failing())
        await asyncio.sleep(0)
        await end(task)
        await end()

    asyncio.run(run())
    assert not complaints


@pytest.mark.parametrize("steps", range(6))
def test_a_wait_that_is_cancelled_as_its_event_comes_ends(steps: int) -> None:
    async def run() -> None:
        event = asyncio.Event()

        async def forever() -> None:
            while True:
                await wait_within(event, 3600)
                event.clear()

        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        event.set()
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,), timeout=5)
        assert task.cancelled()

    asyncio.run(run())


def test_a_loop_that_has_ended_is_called_in_vain() -> None:
    called: list[int] = []

    async def run() -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        soon(loop, lambda: called.append(1))
        await asyncio.sleep(0)
        return loop

    soon(asyncio.run(run()), lambda: called.append(2))
    assert called == [1]
