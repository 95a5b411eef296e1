"""The server as plain HTTP clients see it: the control plane, and the ports of sandboxes by either way to them."""

import os
import ssl

import httpx

IS_TLS = os.environ["MARTLET_TEST_ROUTING"] == "tls"
KEY = os.environ["E2B_API_KEY"]


def trust():
    return ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]) if IS_TLS else True


class Server:
    def __init__(self):
        self.base = f"https://api.{os.environ['E2B_DOMAIN']}" if IS_TLS else os.environ["E2B_API_URL"]

    def client(self, **options):
        options.setdefault("timeout", 60)
        return httpx.AsyncClient(verify=trust(), **options)

    async def call(self, method, path, key=KEY, headers=None, **options):
        """One request to the control plane."""
        headers = {**({"X-API-KEY": key} if key else {}), **(headers or {})}
        async with self.client() as client:
            return await client.request(method, self.base + path, headers=headers, **options)

    def way(self, sandbox, port):
        """The URL of a port of a sandbox, and the fields that lead there."""
        if IS_TLS:
            return f"https://{sandbox.get_host(port)}", {}
        return os.environ["E2B_SANDBOX_URL"], {"E2b-Sandbox-Id": sandbox.sandbox_id, "E2b-Sandbox-Port": str(port)}

    async def ask(self, sandbox, port, method="GET", path="/", headers=None, **options):
        """One request to a port of a sandbox."""
        url, fields = self.way(sandbox, port)
        async with self.client() as client:
            return await client.request(method, url + path, headers={**fields, **(headers or {})}, **options)
