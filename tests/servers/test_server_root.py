"""The root folder of a server is there for the server alone."""

from pathlib import Path

import pytest

from tests.servers.namespace import cannot_run, required_namespace
from tests.servers.server_root import NoServerRootError, ServerRoot, mount_root

pytestmark = pytest.mark.needs_network_namespace

ADDED = "added-by-a-package"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What a package brings: one file for each of its folders."""
    tree = tmp_path / "tree"
    for folder in ("usr/share", "etc", "var/lib"):
        (tree / folder).mkdir(parents=True)
        (tree / folder / ADDED).write_text(folder)
    return tree


def test_a_root_has_the_packages_over_the_machines_programs_and_is_seen_inside_only(
    tmp_path: Path, tree: Path
) -> None:
    with required_namespace({}, tmp_path / "log", mounts=True) as inside:
        try:
            root = inside.call(mount_root, tmp_path / "mounted", tree)
        except NoServerRootError as error:
            cannot_run([str(error)])
        paths = [f"/{folder}/{ADDED}" for folder in ("usr/share", "etc", "var/lib")]
        assert inside.call(ServerRoot.run, root, "/bin/cat", *paths) == "usr/shareetcvar/lib"
        inside.call(ServerRoot.write, root, f"usr/share/{ADDED}", "changed")
        assert inside.call(Path.read_text, root.path / "usr/share" / ADDED) == "changed"
        assert not root.path.exists()
    assert (tree / "usr/share" / ADDED).read_text() == "usr/share"
    assert list((tmp_path / "mounted").iterdir()) == []


def test_the_users_of_a_root_are_its_own(tmp_path: Path, tree: Path) -> None:
    with required_namespace({}, tmp_path / "log", mounts=True) as inside:
        try:
            root = inside.call(mount_root, tmp_path / "mounted", tree)
        except NoServerRootError as error:
            cannot_run([str(error)])
        inside.call(ServerRoot.add_users, root, {"courier": ["post"]})
        names = inside.call(ServerRoot.run, root, "/usr/bin/getent", "passwd")
        assert [line.split(":")[0] for line in names.splitlines()] == ["root", "mail", "courier", "nobody"]
        assert inside.call(ServerRoot.run, root, "/usr/bin/id", "-gn", "courier") == "courier\n"
