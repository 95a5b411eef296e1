"""Templates that are built step by step, and what sandboxes of them find."""

import asyncio
import uuid

import e2b
import pytest

from conftest import LOOP
from flavours import IS_ASYNC, VERSION, Template, builder

# Copying the memory of 'claude' takes its time, and once is enough.
PARENT = "claude" if IS_ASYNC and VERSION >= (2, 63) else "base"


@pytest.fixture
def name(server):
    """A name whose template is gone behind the test."""
    name = f"sdk-{uuid.uuid4().hex[:12]}"
    yield name
    LOOP.run_until_complete(server.call("DELETE", f"/templates/{name}"))


@pytest.fixture
def context(tmp_path):
    """Files to copy: always the same, so that each build but the first finds its steps done."""
    (tmp_path / "note.txt").write_text("a note\n")
    (tmp_path / "parts").mkdir()
    for number in range(3):
        (tmp_path / "parts" / f"{number}.txt").write_text(f"part {number}\n")
    (tmp_path / "parts" / "skipped.log").write_text("not this\n")
    return tmp_path


def steps(context):
    return (
        builder(file_context_path=str(context), file_ignore_patterns=["*.log", "**/*.log"])
        .from_template(PARENT)
        .set_envs({"GREETING": "hello", "PLACE": "$GREETING/there"})
        .set_workdir("/app")
        .copy("note.txt", "/app/", user="user", mode=0o600)
        .copy("parts", "/app/all")
        .copy("note.txt", "renamed.txt")
        .run_cmd("echo \"$GREETING from $(pwd) as $(id -un)\" | tee /tmp/said; echo careful >&2", user="root")
        .make_dir("/app/made", mode=0o755, user="root")
        .set_workdir("/app/all")
    )


async def test_a_template_is_built_used_and_tagged(name, context, fresh, server):
    assert not await Template.exists(name)
    said = []
    info = await Template.build(
        steps(context).set_start_cmd("python3 -m http.server 8123", e2b.wait_for_port(8123)),
        name,
        tags=["v1"],
        on_build_logs=said.append,
    )
    assert (info.name, info.template_id) == (name, name)
    assert any("WORKDIR" in entry.message for entry in said)
    assert await Template.exists(name) and await Template.exists("base")

    sandbox = await fresh(f"{name}:v1")
    result = await sandbox.commands.run("cat /tmp/said; echo $PLACE; pwd; id -un; ls; stat -c '%U %a' /app/note.txt; cat /app/renamed.txt")
    assert result.stdout.splitlines() == [
        "hello from /app as root", "hello/there", "/app/all", "user", "0.txt", "1.txt", "2.txt", "user 600", "a note",
    ]
    # It has not been started: it has never ended.
    assert "0.txt" in (await sandbox.commands.run("curl -s http://localhost:8123/")).stdout

    assert [(tag.tag, tag.build_id) for tag in await Template.get_tags(name)] == [("v1", info.build_id)]
    tagged = await Template.assign_tags(f"{name}:v1", ["stable", "default"])
    assert tagged.build_id == info.build_id and set(tagged.tags) == {"stable", "default"}
    await Template.remove_tags(name, ["v1"])
    assert {tag.tag for tag in await Template.get_tags(name)} == {"stable", "default"}
    with pytest.raises(e2b.TemplateException, match="default"):
        await Template.remove_tags(name, ["default"])
    listed = (await server.call("GET", "/templates")).json()
    assert [one["buildID"] for one in listed if one["templateID"] == name] == [info.build_id]
    assert (await server.call("DELETE", f"/templates/{name}")).status_code == 204
    assert not await Template.exists(name)


async def test_a_step_that_fails_is_named(name):
    said = []
    template = builder().from_template("base").run_cmd("echo before").run_cmd("echo why >&2; exit 3")
    with pytest.raises(e2b.BuildException, match="failed to run command 'echo why >&2; exit 3': exit status 3"):
        await Template.build(template, name, skip_cache=True, on_build_logs=said.append)
    messages = [entry.message for entry in said]
    assert "before" in messages and "why" in messages
    with pytest.raises(e2b.BuildException, match="invalid username: 'root123'"):
        await Template.build(builder().from_template("base").run_cmd("whoami", user="root123"), name)
    with pytest.raises(e2b.BuildException, match="There is no template 'no-such'"):
        await Template.build(builder().from_template("no-such").run_cmd("true"), name)


async def test_a_build_goes_on_in_the_background(name, server):
    template = builder().from_base_image().run_cmd("sleep 1; echo done")
    info = await Template.build_in_background(template, name, skip_cache=True)
    # Just begun.
    first = await Template.get_build_status(info)
    assert first.status.value == "building"
    started = await server.call("POST", f"/v2/templates/{name}/builds/{info.build_id}", json={"fromTemplate": "base"})
    assert started.status_code == 400 and "waiting" in started.json()["message"]
    offset, messages = 0, []
    for _ in range(600):
        status = await Template.get_build_status(info, logs_offset=offset)
        offset += len(status.log_entries)
        messages += [entry.message for entry in status.log_entries]
        if status.status.value != "building":
            break
        await asyncio.sleep(0.1)
    assert status.status.value == "ready"
    assert "done" in messages
    assert not (await Template.get_build_status(info, logs_offset=10_000)).log_entries


async def test_what_a_client_gets_wrong_is_told(server, name):
    for body, words in [
        ({}, "'name'"), ({"name": "Not A Name"}, "name"), ({"name": name, "cpuCount": 99}, "processors"),
        ({"name": name, "tags": ["b c"]}, "tag"),
    ]:
        answer = await server.call("POST", "/v3/templates", json=body)
        assert answer.status_code == 400 and words in answer.json()["message"], body
    for target, status in [("No Name:v1", 400), (f"{name}-none:v1", 404), (f"others/{name}:v1", 404)]:
        answer = await server.call("POST", "/templates/tags", json={"target": target, "tags": ["v2"]})
        assert answer.status_code == status, target
    # The first generation, for which clients pushed images.
    old = await server.call("POST", "/templates", json={"dockerfile": "FROM base"})
    assert old.status_code == 501 and "e2b template create" in old.json()["message"]
    unknown = await server.call("POST", f"/v2/templates/{name}/builds/{uuid.uuid4()}", json={"fromTemplate": "base"})
    assert unknown.status_code == 400 and "not found" in unknown.json()["message"]
    asked = (await server.call("POST", "/v3/templates", json={"name": name})).json()
    link = await server.call("GET", f"/templates/{name}/files/{'0' * 64}")
    assert link.status_code == 201 and not link.json()["present"]
    assert (await server.call("GET", f"/templates/{name}/files/..")).status_code in (400, 404)
    async with server.client() as client:
        # The address is the way in, and a made-up one is none.
        assert (await client.put(link.json()["url"][:-1] + "x", content=b"x")).status_code == 403
    build = f"/v2/templates/{name}/builds/{asked['buildID']}"
    missing = {"fromTemplate": "base", "steps": [{"type": "COPY", "args": ["a", "/a"], "filesHash": "0" * 64}]}
    assert (await server.call("POST", build, json=missing)).status_code == 202
    for _ in range(600):
        status = (await server.call("GET", f"/templates/{name}/builds/{asked['buildID']}/status")).json()
        if status["status"] != "building":
            break
        await asyncio.sleep(0.1)
    assert status["status"] == "error" and status["reason"]["step"] == "1"
    assert "not uploaded" in status["reason"]["message"]
