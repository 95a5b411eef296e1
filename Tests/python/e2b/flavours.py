"""One way to speak to both flavours of the SDK: whatever it does is awaited.

The tests are written once. For the asynchronous flavour they get the SDK's own objects, for the synchronous one these
stand-ins, whose calls run in a thread.
"""

import asyncio
import os

import e2b

IS_ASYNC = os.environ["MARTLET_TEST_FLAVOUR"] == "async"
VERSION = tuple(int(part) for part in os.environ["MARTLET_TEST_SDK"].split("."))

# What neither flavour awaits.
PLAIN = {"get_host", "download_url", "upload_url"}


class Awaited:
    """Stands for a synchronous object of the SDK."""

    def __init__(self, wrapped):
        self.wrapped = wrapped

    def __getattr__(self, name):
        value = getattr(self.wrapped, name)
        if not callable(value):
            return stand_in(value)
        # A list of sandboxes is a paginator at once; a list of files or of commands is asked for.
        if name in PLAIN or (name in ("list", "list_snapshots") and hasattr(self.wrapped, "get_host")):
            return lambda *words, **options: stand_in(value(*words, **options))

        async def call(*words, **options):
            return stand_in(await asyncio.to_thread(value, *words, **options))

        return call


def stand_in(value):
    synchronous = ("e2b.sandbox_sync", "e2b.volume.volume_sync")
    return Awaited(value) if type(value).__module__.startswith(synchronous) else value


Sandbox = e2b.AsyncSandbox if IS_ASYNC else Awaited(e2b.Sandbox)
Volume = e2b.AsyncVolume if IS_ASYNC else Awaited(e2b.Volume)
Template = e2b.AsyncTemplate if IS_ASYNC else Awaited(e2b.Template)


def builder(**options):
    """What a template is described with; the same calls in both flavours, and none is awaited."""
    return (e2b.AsyncTemplate if IS_ASYNC else e2b.Template)(**options)


async def chunks(reader):
    """The chunks of a streamed download."""
    if IS_ASYNC:
        return [chunk async for chunk in reader]
    return await asyncio.to_thread(lambda: list(reader))


async def terminal(sandbox, on_data, **options):
    """A terminal whose output goes to `on_data`, and a task that waits for its end."""
    size = e2b.PtySize(rows=24, cols=80)
    if IS_ASYNC:
        handle = await sandbox.pty.create(size, on_data=on_data, **options)
        return handle, asyncio.create_task(handle.wait())
    handle = await sandbox.pty.create(size, **options)
    return handle, asyncio.create_task(handle.wait(on_pty=on_data))


class Watch:
    """What happens in a directory, asked for or told."""

    def __init__(self, sandbox, path, **options):
        self.sandbox, self.path, self.options = sandbox, path, options
        self.seen = []

    async def __aenter__(self):
        files = self.sandbox.files
        if IS_ASYNC:
            self.handle = await files.watch_dir(self.path, on_event=self.seen.append, **self.options)
        else:
            self.handle = await files.watch_dir(self.path, **self.options)
        return self

    async def __aexit__(self, *_):
        await self.handle.stop()

    async def events(self, wanted=lambda events: bool(events)):
        """All events so far, once they are what is wanted. The synchronous flavour is asked once more, without a pause."""
        for _ in range(300):
            if not IS_ASYNC:
                self.seen += await self.handle.get_new_events()
            if wanted(self.seen):
                break
            await asyncio.sleep(0.1)
        return [(event.type.value, event.name) for event in self.seen]
