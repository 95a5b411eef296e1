"""What other clients of the control plane send: E2B's command line, older SDKs, and people with curl."""

import pytest

from flavours import Sandbox

UNKNOWN = "i" + "0" * 20


def is_error(answer, status):
    body = answer.json()
    return (
        answer.status_code == status
        and body["code"] == status
        and isinstance(body["message"], str)
        and answer.headers["content-type"].startswith("application/json")
    )


async def test_health_needs_no_key(server):
    assert (await server.call("GET", "/health", key=None)).status_code == 200


@pytest.mark.parametrize("key", [None, "", "wrong", "e2b_xyz", "e2b_" + "f" * 40])
async def test_everything_else_does(server, key):
    for method, path in [("GET", "/v2/sandboxes"), ("POST", "/sandboxes"), ("DELETE", f"/sandboxes/{UNKNOWN}")]:
        assert is_error(await server.call(method, path, key=key), 401)


@pytest.mark.parametrize("version", ["", "/v2"])
async def test_both_generations_create_and_connect(server, version):
    answer = await server.call("POST", f"{version}/sandboxes", json={"templateID": "base", "timeout": 60})
    assert answer.status_code == 201
    made = answer.json()
    try:
        for name in ["templateID", "sandboxID", "clientID", "envdVersion", "envdAccessToken"]:
            assert isinstance(made[name], str) and made[name], name
        assert made.get("trafficAccessToken") is None
        answer = await server.call("POST", f"{version}/sandboxes/{made['sandboxID']}/connect", json={"timeout": 60})
        assert answer.status_code == 200
        assert answer.json()["envdAccessToken"] == made["envdAccessToken"]
        answer = await server.call("POST", f"/sandboxes/{made['sandboxID']}/resume", json={"timeout": 60})
        assert is_error(answer, 409)
    finally:
        assert (await server.call("DELETE", f"/sandboxes/{made['sandboxID']}")).status_code == 204


async def test_connect_has_its_own_timeout(server, sandbox):
    path = f"/v2/sandboxes/{sandbox.sandbox_id}/connect"
    assert (await server.call("POST", path)).status_code == 200
    assert is_error(await server.call("POST", path, json={"timeout": 0}), 400)
    assert is_error(await server.call("POST", f"/v2/sandboxes/{UNKNOWN}/connect", json={"timeout": 5}), 404)


async def test_refreshes_extend(server, fresh):
    sandbox = await fresh(timeout=60)
    answer = await server.call("POST", f"/sandboxes/{sandbox.sandbox_id}/refreshes", json={"duration": 600})
    assert answer.status_code == 204
    left = (await sandbox.get_info()).end_at - (await sandbox.get_info()).started_at
    assert left.total_seconds() > 590


async def test_the_old_list_is_a_list(server, sandbox):
    answer = await server.call("GET", "/sandboxes")
    assert answer.status_code == 200
    assert sandbox.sandbox_id in [one["sandboxID"] for one in answer.json()]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"templateID": 5}', b"{}", b'{"templateID":"base","timeout":"x"}'])
async def test_a_body_that_is_none_is_refused(server, body):
    answer = await server.call("POST", "/v2/sandboxes", content=body, headers={"Content-Type": "application/json"})
    assert is_error(answer, 400)


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "nextToken=garbage", "state=asleep", "order=up", "template=a:b"])
async def test_a_list_refuses_what_it_does_not_know(server, query):
    assert is_error(await server.call("GET", f"/v2/sandboxes?{query}"), 400)


@pytest.mark.parametrize("path", ["/", "/nothing", "/v2/nothing", "/sandboxes/%2e%2e%2fx", f"/sandboxes/{UNKNOWN}"])
async def test_what_is_not_there_is_404_as_json(server, path):
    assert is_error(await server.call("GET", path), 404)


async def test_the_message_of_an_unknown_template_says_what_to_do(server):
    answer = await server.call("POST", "/v2/sandboxes", json={"templateID": "no-such-template"})
    assert is_error(answer, 404)
    assert "template 'no-such-template' not found" in answer.json()["message"]


async def test_a_message_of_an_unknown_sandbox_is_upstreams(server):
    answer = await server.call("GET", f"/sandboxes/{UNKNOWN}")
    assert answer.json()["message"] == f"Sandbox \"{UNKNOWN}\" doesn't exist or you don't have access to it"


async def test_no_optional_object_is_null(server, sandbox):
    info = (await server.call("GET", f"/sandboxes/{sandbox.sandbox_id}")).json()
    for name in ["network", "lifecycle", "pauseMode"]:
        assert info.get(name, {}) is not None, name
    for name in ["startedAt", "endAt"]:
        assert info[name].endswith("Z") or "+" in info[name]


async def test_templates_can_be_listed(server):
    answer = await server.call("GET", "/templates")
    assert answer.status_code == 200
    assert {"base", "claude"} <= {name for one in answer.json() for name in one["aliases"] + one["names"] + [one["templateID"]]}
    answer = await server.call("GET", "/templates/aliases/base")
    assert answer.status_code == 200 and answer.json()["templateID"]
    assert is_error(await server.call("GET", "/templates/aliases/no-such-template"), 404)
