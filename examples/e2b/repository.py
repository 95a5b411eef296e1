"""What the guide takes for granted: a repository in the sandbox."""

API = '''import json


def create(body):
    # TODO: validate the name
    return json.loads(body)["name"]


def delete(body):
    # TODO: log who asked
    return json.loads(body)["id"]
'''

MAKE = """
git config --global user.name Example && git config --global user.email example@localhost
git config --global init.defaultBranch main
cd /home/user/repo && git init -q && git add -A && git commit -qm "The first version"
"""

# Git's own server side behind Python's: smart HTTP, as a forge speaks it.
SERVE = """
mkdir -p /tmp/forge/cgi-bin && cd /tmp/forge
git clone -q --bare /home/user/origin repo.git && git -C repo.git config http.receivepack true
printf '#!/bin/sh\\nGIT_PROJECT_ROOT=/tmp/forge GIT_HTTP_EXPORT_ALL=1 exec git http-backend\\n' > cgi-bin/git
chmod 755 cgi-bin/git
"""


def put_repository(sandbox, path="/home/user/repo"):
    """Puts a small repository with one commit into the sandbox."""
    sandbox.files.write(f"{path}/api.py", API)
    sandbox.commands.run(MAKE.replace("/home/user/repo", path))


def serve_repository(sandbox):
    """Serves such a repository inside the sandbox, and returns its URL."""
    put_repository(sandbox, "/home/user/origin")
    sandbox.commands.run(SERVE)
    sandbox.commands.run("cd /tmp/forge && exec python -m http.server --cgi --bind 127.0.0.1 8000", background=True)
    sandbox.commands.run("until ss -Htln 'sport = :8000' | grep -q .; do sleep 0.1; done")
    return "http://127.0.0.1:8000/cgi-bin/git/repo.git"
