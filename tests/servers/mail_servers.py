"""Real mail servers, from Debian's packages, as processes inside a namespace; all is called there.

Each runs from a root of its own (`server_root`) at an address of its own, as the users that its package
would have made. All but nginx change to those users, which an ordinary user's namespace does not have.
"""

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import trio

from crawler.probes.session import ObservedSession, observe_session
from crawler.settings import Settings
from tests.servers.mail_certificates import DOMAIN, RSA, Served
from tests.servers.mail_packages import PACKAGES, TREES
from tests.servers.postfix_servers import LISTENERS, start_postfix
from tests.servers.server_root import ServerRoot, mount_root

NGINX, EXIM, OPENSMTPD, COURIER, SENDMAIL = "nginx", "exim", "opensmtpd", "courier", "sendmail"

ADDRESSES = {
    NGINX: "127.25.2.1",
    EXIM: "127.25.2.2",
    OPENSMTPD: "127.25.2.3",
    COURIER: "127.25.2.4",
    SENDMAIL: "127.25.2.5",
    **{name: listener.address for name, listener in LISTENERS.items()},
}
"""Address by name of the case."""

PORT = 25
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.05

_NGINX = f"""
load_module modules/ngx_mail_module.so;
daemon off;
master_process off;
error_log stderr;
events {{ worker_connections 64; }}
mail {{
    server_name mx.{DOMAIN};
    auth_http 127.0.0.1:9/;
    server {{
        listen {ADDRESSES[NGINX]}:{PORT};
        protocol smtp;
        smtp_auth none;
        starttls on;
        ssl_certificate /etc/tls/chain.pem;
        ssl_certificate_key /etc/tls/key.pem;
    }}
}}
"""

_EXIM = f"""
primary_hostname = mx.{DOMAIN}
local_interfaces = {ADDRESSES[EXIM]}
tls_advertise_hosts = *
tls_certificate = /etc/tls/chain.pem
tls_privatekey = /etc/tls/key.pem
host_lookup =
rfc1413_query_timeout = 0s
log_file_path = /var/log/exim4/%slog
begin routers
begin transports
begin retry
"""

_OPENSMTPD = f"""
pki tests cert "/etc/tls/chain.pem"
pki tests key "/etc/tls/key.pem"
listen on {ADDRESSES[OPENSMTPD]} port {PORT} tls pki tests hostname mx.{DOMAIN}
action "nothing" maildir
match from any for domain "{DOMAIN}" action "nothing"
"""

_SENDMAIL = f"""
divert(0)dnl
define(`_USE_ETC_MAIL_')dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`debian')dnl
DOMAIN(`debian-mta')dnl
define(`confDOMAIN_NAME', `mx.{DOMAIN}')dnl
define(`confCACERT_PATH', `/etc/tls')dnl
define(`confCACERT', `/etc/tls/chain.pem')dnl
define(`confSERVER_CERT', `/etc/tls/chain.pem')dnl
define(`confSERVER_KEY', `/etc/tls/key.pem')dnl
define(`confTO_IDENT', `0')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch-nodns')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
DAEMON_OPTIONS(`Family=inet, Name=MTA, Port={PORT}, Addr={ADDRESSES[SENDMAIL]}')dnl
MAILER(`smtp')dnl
"""

Start = Callable[[ServerRoot, Served], None]


def _start_nginx(root: ServerRoot, served: Served) -> None:
    _write_certificate(root, served)
    root.write("etc/nginx/nginx.conf", _NGINX)
    root.make_folder("var/log/nginx")
    root.start("/usr/sbin/nginx")


def _start_exim(root: ServerRoot, served: Served) -> None:
    root.add_users({"Debian-exim": []})
    _write_certificate(root, served, owner="root:Debian-exim")
    root.write("etc/exim4/exim4.conf", _EXIM)
    for folder in ("var/log/exim4", "var/spool/exim4"):
        root.make_folder(folder, owner="Debian-exim:Debian-exim")
    root.start("/usr/sbin/exim4", "-bdf", "-C", "/etc/exim4/exim4.conf")


def _start_opensmtpd(root: ServerRoot, served: Served) -> None:
    root.add_users({"opensmtpd": [], "opensmtpq": []})
    _write_certificate(root, served)
    root.write("etc/smtpd.conf", _OPENSMTPD)
    root.write("etc/aliases", "")
    for folder in ("var/lib/opensmtpd/empty", "var/spool"):
        root.make_folder(folder)
    root.start("/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf")


def _start_courier(root: ServerRoot, served: Served) -> None:
    root.add_users({"courier": []})
    root.write("etc/courier/me", f"mx.{DOMAIN}\n")
    root.write(
        "etc/courier/esmtpd.pem", served.key_pem + served.chain_pem, owner="courier:courier", mode=0o600
    )
    root.make_folder("run/courier", owner="courier:courier")
    settings = (
        "TLS_CERTFILE=/etc/courier/esmtpd.pem",
        "COURIERTLS=/usr/bin/couriertls",
        "TLS_VERIFYPEER=NONE",
        "BOFHCHECKDNS=0",
        "TARPIT=0",
        "ESMTPAUTH=",
    )
    listening = ("-user=courier", "-group=courier", "-noidentlookup", "-nodnslookup", "-maxprocs=20")
    address = f"-address={ADDRESSES[COURIER]}"
    daemon = ("/usr/sbin/couriertcpd", *listening, address, "-maxperip=20", "-maxperc=20", str(PORT))
    root.start("/usr/bin/env", *settings, *daemon, "/usr/sbin/courieresmtpd")


def _start_sendmail(root: ServerRoot, served: Served) -> None:
    root.add_users({"smmta": [], "smmsp": []})
    # Sendmail waits a minute for the machine to have a name with a dot in it.
    host = socket.gethostname()
    root.add_hosts([(ADDRESSES[SENDMAIL], f"mx.{DOMAIN}"), ("127.25.0.1", f"{host}.{DOMAIN} {host}")])
    _write_certificate(root, served, mode=0o600)
    for folder in ("var/spool/mqueue", "var/lib/sendmail/host_status", "run/sendmail/mta"):
        root.make_folder(folder, mode=0o700)
    root.write("etc/mail/tests.mc", _SENDMAIL)
    root.write("etc/mail/sendmail.cf", root.run("/usr/bin/m4", "/etc/mail/tests.mc"))
    root.start("/usr/libexec/sendmail/sendmail", "-bD")


_START: Mapping[str, Start] = {
    NGINX: _start_nginx,
    EXIM: _start_exim,
    OPENSMTPD: _start_opensmtpd,
    COURIER: _start_courier,
    SENDMAIL: _start_sendmail,
}


def servers_that_run() -> list[str]:
    """Return the servers that the users of this namespace suffice for."""
    ranges = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    has_many_users = sum(int(size) for _, _, size in ranges) > 1
    return list(PACKAGES) if has_many_users else [NGINX]


def start_servers(folder: Path, certificates: Mapping[str, Served], names: Sequence[str]) -> None:
    """Start these servers, and return when each accepts connections."""
    for name in names:
        root = mount_root(folder / name, TREES / name)
        if name == "postfix":
            start_postfix(root, certificates)
        else:
            _START[name](root, certificates[RSA])
    deadline = time.monotonic() + _READY_SECONDS
    for name in names:
        # One listener of Postfix is enough: it opens all at once, and at some connections are counted.
        wait_for_listener(ADDRESSES["plain" if name == "postfix" else name], deadline)


def wait_for_listener(address: str, deadline: float | None = None) -> None:
    """Return when somebody listens. Raises TimeoutError."""
    deadline = deadline or time.monotonic() + _READY_SECONDS
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while time.monotonic() < deadline:
        with socket.socket(family) as client, suppress(ConnectionRefusedError):
            client.connect((address, PORT))
            return
        time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"nobody listens at {address}")


def visit(names: Sequence[str], settings: Settings) -> list[ObservedSession]:
    """Hold a session with each of these servers, all at once; return them in that order."""

    async def visit_all() -> list[ObservedSession]:
        seen: dict[int, ObservedSession] = {}

        async def hold(number: int, name: str) -> None:
            seen[number] = await observe_session(f"{name}.{DOMAIN}", ADDRESSES[name], None, settings)

        async with trio.open_nursery() as nursery:
            for number, name in enumerate(names):
                nursery.start_soon(hold, number, name)
        return [seen[number] for number in range(len(names))]

    return trio.run(visit_all)


def visit_beside_another(name: str, settings: Settings) -> ObservedSession:
    """Hold a session with a server that is in one with somebody else already."""
    with socket.create_connection((ADDRESSES[name], PORT)) as other:
        other.recv(1)
        (seen,) = visit([name], settings)
    return seen


def _write_certificate(
    root: ServerRoot, served: Served, *, owner: str | None = None, mode: int = 0o640
) -> None:
    root.write("etc/tls/chain.pem", served.chain_pem)
    root.write("etc/tls/key.pem", served.key_pem, owner=owner, mode=mode)
