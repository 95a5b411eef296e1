"""Runs coroutines as tests, all on one loop, and lends them sandboxes."""

import asyncio
import inspect
import os
import socket
import uuid

import pytest

from flavours import VERSION, Sandbox
from server import Server

LOOP = asyncio.new_event_loop()
LIMIT = 120

resolve = socket.getaddrinfo


def resolve_localhost(host, *words, **options):
    """What libnss-myhostname does for a system: every name below localhost is this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    return resolve("127.0.0.1" if name and name.endswith(".localhost") else host, *words, **options)


socket.getaddrinfo = resolve_localhost


def pytest_configure(config):
    config.addinivalue_line("markers", "since(version): the SDK has it from this version on")
    config.addinivalue_line("markers", "routed: what differs between the ways to a sandbox")


def pytest_collection_modifyitems(items):
    for item in items:
        for mark in item.iter_markers("since"):
            if VERSION < tuple(int(part) for part in mark.args[0].split(".")):
                item.add_marker(pytest.mark.skip(reason=f"e2b has it since {mark.args[0]}"))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    LOOP.run_until_complete(asyncio.wait_for(pyfuncitem.obj(**arguments), LIMIT))
    return True


@pytest.fixture(scope="session")
def server():
    return Server()


@pytest.fixture(scope="session")
def sandbox():
    """One for all tests that leave it as usable as it was."""
    sandbox = LOOP.run_until_complete(Sandbox.create(timeout=900))
    yield sandbox
    LOOP.run_until_complete(sandbox.kill())


@pytest.fixture
def fresh():
    """Makes sandboxes that are gone behind the test."""
    made = []

    async def make(*words, **options):
        options.setdefault("timeout", 120)
        made.append(await Sandbox.create(*words, **options))
        return made[-1]

    yield make
    for sandbox in made:
        LOOP.run_until_complete(sandbox.kill())


@pytest.fixture
def place():
    """A directory of the test's own; not made yet."""
    return f"/home/user/{uuid.uuid4().hex[:12]}"
