"""The git helper: commands of `sandbox.git`, against repositories that the sandbox serves to itself."""

import pathlib
import warnings

import e2b
import pytest

warnings.simplefilter("ignore")

FORGE = """
mkdir -p /tmp/forge/cgi-bin && cd /tmp/forge && git init -q --bare --initial-branch main shared.git
git -C shared.git config http.receivepack true
cat > cgi-bin/git <<'END'
#!/bin/sh
GIT_PROJECT_ROOT=/tmp/forge GIT_HTTP_EXPORT_ALL=1 exec git http-backend
END
chmod 755 cgi-bin/git
"""


@pytest.fixture(scope="module")
def forge(sandbox):
    """The shared sandbox, with a forge on port 8000 git's own daemon on port 9418, and a door that stays shut on port 8001."""
    from conftest import LOOP

    async def begin():
        await sandbox.commands.run(FORGE)
        await sandbox.files.write("/tmp/locked.py", pathlib.Path(__file__).with_name("guest_server.py").read_text())
        run = sandbox.commands.run
        await run("exec python3 /tmp/locked.py 8001", background=True, timeout=0)
        await run("cd /tmp/forge && exec python3 -m http.server --cgi --bind 127.0.0.1 8000", background=True, timeout=0)
        await run("exec git daemon --base-path=/tmp/forge --export-all --enable=receive-pack", background=True, timeout=0)
        await run("until [ $(ss -Htln '( sport >= :8000 and sport <= :9418 )' | wc -l) -ge 3 ]; do sleep 0.1; done")
        await sandbox.git.configure_user("Some One", "one@localhost")

    LOOP.run_until_complete(begin())
    return sandbox


URL = "http://127.0.0.1:8000/cgi-bin/git/shared.git"


async def test_a_repository_is_begun_and_told_about(forge, place):
    git = forge.git
    await git.init(place, initial_branch="main")
    await forge.files.write(f"{place}/a.txt", "a\n")
    status = await git.status(place)
    assert status.current_branch == "main"
    assert [(one.name, one.status) for one in status.file_status] == [("a.txt", "untracked")]
    await git.add(place)
    await git.commit(place, "The first", author_name="Other", author_email="other@localhost")
    assert (await git.status(place)).is_clean
    log = await forge.commands.run("git log --format='%an %ae %s'", cwd=place)
    assert log.stdout == "Other other@localhost The first\n"


async def test_branches_are_made_and_removed(forge, place):
    git = forge.git
    await git.init(place, initial_branch="main")
    await git.commit(place, "Nothing", allow_empty=True)
    await git.create_branch(place, "side")
    branches = await git.branches(place)
    assert (sorted(branches.branches), branches.current_branch) == (["main", "side"], "side")
    await git.checkout_branch(place, "main")
    await git.delete_branch(place, "side", force=True)
    assert (await git.branches(place)).branches == ["main"]


async def test_changes_are_taken_back(forge, place):
    git = forge.git
    await git.init(place, initial_branch="main")
    await forge.files.write(f"{place}/a", "old\n")
    await git.add(place)
    await git.commit(place, "Old")
    await forge.files.write(f"{place}/a", "new\n")
    await git.restore(place, paths=["a"])
    assert await forge.files.read(f"{place}/a") == "old\n"
    await forge.files.write(f"{place}/a", "new\n")
    await git.add(place, files=["a"])
    await git.reset(place, mode="hard", target="HEAD")
    assert await forge.files.read(f"{place}/a") == "old\n"


async def test_a_remote_is_pushed_to_cloned_and_pulled_from(forge, place):
    git = forge.git
    await git.init(place, initial_branch="main")
    await forge.files.write(f"{place}/a", "one\n")
    await git.add(place)
    await git.commit(place, "One")
    await git.remote_add(place, "origin", URL)
    assert (await git.remote_get(place, "origin")).strip() == URL
    await git.push(place, remote="origin", branch="main", username="u", password="p")
    copy = f"{place}-copy"
    await git.clone(URL, path=copy, branch="main", depth=1, username="x-access-token", password="secret")
    assert await forge.files.read(f"{copy}/a") == "one\n"
    assert "secret" not in await forge.files.read(f"{copy}/.git/config")
    await forge.files.write(f"{place}/a", "two\n")
    await git.add(place)
    await git.commit(place, "Two")
    await git.push(place, remote="origin", branch="main")
    await git.pull(copy, remote="origin", branch="main")
    assert await forge.files.read(f"{copy}/a") == "two\n"
    await git.clone("git://127.0.0.1/shared.git", path=f"{place}-daemon")
    assert await forge.files.read(f"{place}-daemon/a") == "two\n"


async def test_what_git_refuses_has_a_class(forge, place):
    git = forge.git
    with pytest.raises(e2b.GitAuthException):
        await git.clone("http://127.0.0.1:8001/locked/x.git", path=place)
    with pytest.raises(e2b.CommandExitException):
        await git.clone("/tmp/no-such.git", path=place)
    await git.init(place, initial_branch="main")
    await git.commit(place, "Nothing", allow_empty=True)
    with pytest.raises(e2b.GitUpstreamException):
        await git.pull(place)


async def test_configuration_is_set_and_read(forge, place):
    git = forge.git
    await git.set_config("some.name", "a value")
    assert (await git.get_config("some.name")).strip() == "a value"
    assert not await git.get_config("some.other")
    assert (await git.get_config("user.name")).strip() == "Some One"
    await git.dangerously_authenticate("u", "p", host="example.com")
    assert "u:p@example.com" in await forge.files.read("~/.git-credentials")
