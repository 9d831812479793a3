"""A root folder for one server: the machine's /usr with the server's packages laid over it.

/etc, /var and the users are the server's own. All of it is mounted in the mount namespace of the process
that makes it, and gone with it; the machine's files are only read.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.servers.namespace import program

_DEVICES = ("null", "random", "urandom", "zero")
_LINKS = ("bin", "lib", "lib64", "sbin")
_FOLDERS = ("dev", "etc", "home", "root", "run", "tmp", "usr", "var")
_FIRST_USER = 900
_HOSTS = "127.0.0.1 localhost\n127.0.0.2 localhost2\n::1 localhost\n"
_SWITCH = "passwd: files\ngroup: files\nhosts: files\nservices: files\n"
_SERVICES = "smtp 25/tcp\ndomain 53/tcp\ndomain 53/udp\n"

_kept: list[object] = []
"""Processes that live as long as the namespace."""


class NoServerRootError(Exception):
    """This machine mounts no root folder, even in a namespace; the message says what failed."""


@dataclass(frozen=True)
class ServerRoot:
    """Where a server finds its files."""

    path: Path

    def write(self, name: str, content: str | bytes, *, owner: str | None = None, mode: int = 0o644) -> None:
        """Write a file, and the folders that it is in."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        if owner is not None:
            self.run("chown", owner, f"/{name}")

    def make_folder(self, name: str, *, owner: str = "root:root", mode: int = 0o755) -> None:
        """Make a folder, and those that it is in."""
        (self.path / name).mkdir(parents=True, exist_ok=True)
        (self.path / name).chmod(mode)
        self.run("chown", owner, f"/{name}")

    def add_users(self, groups_of_user: Mapping[str, Iterable[str]]) -> None:
        """Make root, mail, nobody and these users, each with a group of its name; and these groups."""
        names = [*groups_of_user, *(name for groups in groups_of_user.values() for name in groups)]
        numbers = {name: _FIRST_USER + number for number, name in enumerate(dict.fromkeys(names))}
        numbers |= {"root": 0, "mail": 8, "nogroup": 65534}
        users = {name: numbers[name] for name in ("root", "mail", *groups_of_user)}
        lines = [f"{name}:x:{number}:{number}::/:/bin/sh" for name, number in users.items()]
        self.write("etc/passwd", "\n".join([*lines, "nobody:x:65534:65534::/:/bin/sh", ""]))
        self.write("etc/group", "".join(f"{name}:x:{number}:\n" for name, number in numbers.items()))

    def add_hosts(self, hosts: Iterable[tuple[str, str]]) -> None:
        """Name (address, host) pairs: there is no DNS in the namespace."""
        self.write("etc/hosts", _HOSTS + "".join(f"{address} {host}\n" for address, host in hosts))

    def run(self, *command: str) -> str:
        """Run a program to its end; return what it printed. Raises subprocess.CalledProcessError."""
        return _run("chroot", str(self.path), *command)

    def start(self, *command: str) -> None:
        """Start a program that stays."""
        inside = [program("chroot"), str(self.path), *command]
        # Standard output is the process inside's channel to the tests: nobody else may write there.
        _kept.append(subprocess.Popen(inside, stdin=subprocess.DEVNULL, stdout=sys.stderr))


def mount_root(folder: Path, tree: Path) -> ServerRoot:
    """Mount a root in a new folder, for the packages unpacked in `tree`. Raises NoServerRootError."""
    folder.mkdir()
    # In memory: a folder of the machine may be an overlay itself, and none can be written into one.
    _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(folder))
    root = ServerRoot(folder / "root")
    for name in _FOLDERS:
        (root.path / name).mkdir(parents=True)
    for name in _LINKS:
        (root.path / name).symlink_to(f"usr/{name}")
    (root.path / "var" / "run").symlink_to("/run")
    (root.path / "tmp").chmod(0o1777)
    for name in ("etc", "var"):
        if (tree / name).is_dir():
            shutil.copytree(tree / name, root.path / name, symlinks=True, dirs_exist_ok=True)
    _lay_over_usr(root.path / "usr", tree / "usr", folder)
    for name in _DEVICES:
        root.write(f"dev/{name}", "")
        _mount("--bind", f"/dev/{name}", str(root.path / "dev" / name))
    root.add_users({})
    root.add_hosts(())
    root.write("etc/nsswitch.conf", _SWITCH)
    root.write("etc/services", _SERVICES)
    return root


def _lay_over_usr(usr: Path, packages: Path, folder: Path) -> None:
    changes, working = folder / "changes", folder / "working"
    changes.mkdir()
    working.mkdir()
    layers = f"lowerdir={packages}:/usr,upperdir={changes},workdir={working}"
    _mount("-t", "overlay", "-o", layers, "overlay", str(usr))


def _mount(*arguments: str) -> None:
    mounted = subprocess.run([program("mount"), *arguments], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        raise NoServerRootError(f"no mount {' '.join(arguments)}: {mounted.stderr.strip()}")


def _run(name: str, *arguments: str) -> str:
    return subprocess.run([program(name), *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout
