"""The calls of Freestyle's guide, in Python's standard library: there is no public client for Python.

    vm = vms.create(snapshotId="claude")
    vm.exec("echo hello")["stdout"]
    vm.user("claude").exec("id -un")
    vm.fs.write_text_file("/root/a", "text")
    vm.snapshot(); vm.fork(2); vm.suspend(); vm.start(); vm.delete()

FREESTYLE_API_KEY is a key of the daemon, FREESTYLE_API_URL its address: `martlet env` prints both as E2B_API_KEY and
E2B_API_URL, which are used where the first are not set.
"""

import json
import os
import urllib.error
import urllib.parse
import urllib.request

URL = os.environ.get("FREESTYLE_API_URL") or os.environ.get("E2B_API_URL", "http://127.0.0.1:3000")
KEY = os.environ.get("FREESTYLE_API_KEY") or os.environ.get("E2B_API_KEY", "")


class FreestyleError(Exception):
    def __init__(self, status, code, message):
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


def call(method, path, body=None, headers=None):
    request = urllib.request.Request(
        URL + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        refusal = json.loads(error.read() or b"{}")
        code = refusal.get("code") or refusal.get("error")
        raise FreestyleError(error.code, code, refusal.get("message")) from None
    return json.loads(content) if content else None


class Files:
    def __init__(self, vm):
        self.vm = vm

    def path(self, path):
        return f"/v1/vms/{self.vm.id}/files/" + urllib.parse.quote(path.lstrip("/"))

    def read_text_file(self, path):
        return call("GET", self.path(path), headers=self.vm.headers)["content"]

    def write_text_file(self, path, content):
        call("PUT", self.path(path), {"content": content}, self.vm.headers)

    def read_dir(self, path):
        return call("GET", self.path(path), headers=self.vm.headers)["files"]


class VM:
    def __init__(self, id, user=None):
        self.id = id
        self.headers = {"X-Freestyle-Vm-Linux-User-Id": user} if user else {}
        self.fs = Files(self)

    def user(self, username):
        """The same machine, with every call made as that Linux user."""
        return VM(self.id, username)

    def exec(self, command, timeout_ms=None):
        body = {"command": command}
        if timeout_ms:
            body["timeoutMs"] = timeout_ms
        return self.post("exec-await", body)

    def post(self, verb, body=None):
        return call("POST", f"/v1/vms/{self.id}/{verb}", body or {}, self.headers)

    def snapshot(self, name=None):
        return self.post("snapshot", {"name": name} if name else {})["snapshotId"]

    def fork(self, count=1):
        return [VM(fork["id"]) for fork in self.post("fork", {"count": count})["forks"]]

    def suspend(self):
        return self.post("suspend")

    def start(self):
        return self.post("start")

    def delete(self):
        call("DELETE", f"/v1/vms/{self.id}")

    def pty(self, cols=80, rows=24, **query):
        """A terminal, as a WebSocket of the package `websockets`: bytes are its own, text is JSON and steers it."""
        from websockets.sync.client import connect

        query = urllib.parse.urlencode({"cols": cols, "rows": rows, **query})
        url = URL.replace("http", "ws", 1) + f"/v5/vms/{self.id}/pty?{query}"
        return connect(url, additional_headers={"Authorization": f"Bearer {KEY}"}, max_size=None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.delete()


class vms:
    @staticmethod
    def create(**options):
        return VM(call("POST", "/v1/vms", options)["vmId"])

    @staticmethod
    def list():
        return call("GET", "/v1/vms")["vms"]

    @staticmethod
    def get(id):
        return call("GET", f"/v1/vms/{id}")
