"""What can be seen of a sandbox from outside: its metrics and its logs."""

import asyncio
import datetime
import json
import time

import pytest


async def test_metrics_come_within_a_minute(fresh):
    before = datetime.datetime.now(datetime.timezone.utc)
    sandbox = await fresh()
    metrics = []
    for _ in range(300):
        metrics = await sandbox.get_metrics()
        if metrics:
            break
        await asyncio.sleep(0.2)
    one = metrics[0]
    assert one.cpu_count == 2 and one.cpu_used_pct >= 0
    assert 0 < one.mem_used < one.mem_total <= 1024 << 20
    assert 0 < one.disk_used < one.disk_total
    assert one.timestamp >= before - datetime.timedelta(seconds=10)
    hour = datetime.timedelta(hours=1)
    assert await sandbox.get_metrics(start=before - 2 * hour, end=before - hour) == []


async def test_metrics_of_many_are_asked_for_at_once(server, sandbox):
    answer = await server.call("GET", f"/sandboxes/metrics?sandbox_ids={sandbox.sandbox_id}")
    assert answer.status_code == 200
    assert set(answer.json()["sandboxes"]) <= {sandbox.sandbox_id}


async def logged(server, path, wanted):
    """Asks until the logs hold what is wanted."""
    for _ in range(150):
        answer = await server.call("GET", path)
        assert answer.status_code == 200, answer.text
        if wanted in answer.text:
            return answer.json()
        await asyncio.sleep(0.2)
    raise AssertionError(f"'{wanted}' is not in: {answer.text[-2000:]}")


async def test_logs_tell_commands_and_their_ends(server, fresh):
    sandbox = await fresh()
    began = int(time.time() * 1000) - 60_000
    await sandbox.commands.run("echo seen-in-the-logs; exit 0")
    old = await logged(server, f"/sandboxes/{sandbox.sandbox_id}/logs", "seen-in-the-logs")
    for entry in old["logs"]:
        assert isinstance(json.loads(entry["line"])["level"], str)
        datetime.datetime.fromisoformat(entry["timestamp"].replace("Z", "+00:00"))
    assert [entry["level"] for entry in old["logEntries"]]
    new = await logged(server, f"/v2/sandboxes/{sandbox.sandbox_id}/logs?cursor={began}", "seen-in-the-logs")
    for entry in new["logs"]:
        assert entry["level"] in ("debug", "info", "warn", "error")
        assert all(isinstance(value, str) for value in entry["fields"].values())
    one = await server.call("GET", f"/v2/sandboxes/{sandbox.sandbox_id}/logs?limit=1&direction=forward")
    assert len(one.json()["logs"]) == 1


async def test_logs_of_what_is_not_there_are_not_found(server):
    answer = await server.call("GET", f"/sandboxes/{'i' + '0' * 20}/logs")
    assert answer.status_code == 404 and answer.json()["code"] == 404
