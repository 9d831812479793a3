"""Debian's mail servers, unpacked side by side: as packages each of them would remove the others.

`python3 -m tests.servers.mail_packages` downloads and unpacks them into the checkout's cache, from the
package sources of this machine. Nothing is installed, no script of a package is run, and any Python will do.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = {
    "postfix": "postfix",
    "nginx": "libnginx-mod-mail",
    "exim": "exim4-daemon-light",
    "opensmtpd": "opensmtpd",
    "courier": "courier-mta",
    "sendmail": "sendmail-bin",
}
"""Debian package by server; what it depends on and this machine lacks comes with it."""

TREES = Path(__file__).parent.parent.parent / ".cache" / "mail_servers"

_COMMAND = "python3 -m tests.servers.mail_packages"

_MERGED = ("bin", "lib", "lib64", "sbin")
"""Folders that Debian keeps below /usr since 12, where some packages still ship them at the top."""


def missing_trees() -> list[str]:
    """Return a phrase for each server that is not unpacked."""
    return [f"no {name} (run {_COMMAND})" for name in PACKAGES if not (TREES / name).is_dir()]


def fetch(name: str) -> None:
    """Download and unpack one server. Raises subprocess.CalledProcessError."""
    TREES.mkdir(parents=True, exist_ok=True)
    names = _lacking(PACKAGES[name])
    with tempfile.TemporaryDirectory(dir=TREES) as working:
        archives, tree = Path(working) / "archives", Path(working) / "tree"
        archives.mkdir()
        tree.mkdir()
        # Its download user may not write here; a download alone needs none.
        _run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *names, cwd=archives)
        for archive in sorted(archives.iterdir()):
            _run("dpkg", "-x", str(archive), str(tree))
        _merge_usr(tree)
        tree.rename(TREES / name)


def _lacking(package: str) -> list[str]:
    """Return the names of the packages that an installation would add; nothing is installed."""
    simulation = _run("apt-get", "install", "--simulate", "--reinstall", "--no-install-recommends", package)
    names = [line.split()[1] for line in simulation.splitlines() if line.startswith("Inst ")]
    return sorted({package, *names})


def _merge_usr(tree: Path) -> None:
    for folder in _MERGED:
        if (tree / folder).is_dir():
            shutil.copytree(tree / folder, tree / "usr" / folder, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(tree / folder)


def _run(*command: str, cwd: Path | None = None) -> str:
    return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Fetch every server that is not there yet."""
    for name in PACKAGES:
        if not (TREES / name).is_dir():
            sys.stdout.write(f"{name}\n")
            fetch(name)


if __name__ == "__main__":
    main()
