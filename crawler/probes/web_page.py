"""One page of the web, fetched as a browser does: certificate verified, redirects followed."""

import email.utils
import http.client
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime

import trio

from crawler import __version__

_READ_LIMIT = 64 * 1024
"""Octets that are read at most: whether there is anything is all that is asked."""
_STEP_SECONDS = 10.0
"""Connecting, and each wait for octets."""
_WHOLE_SECONDS = 20.0


class PageError(Exception):
    """A page that did not come; the message is one line, and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPage:
    """What came."""

    status: int
    octets: int
    """Of the body, of which no more than 64 KiB are read."""
    sent_at: datetime | None
    """By the server's clock (the Date header, RFC 9110 s6.6.1); None: it gave none that can be read."""
    came_at: datetime
    """By this machine's clock."""


async def fetch_page(url: str, trust_anchors: str) -> WebPage:
    """Fetch a page at an http or https URL. Raises PageError, after 20 seconds at the latest.

    trust_anchors: PEM file that the server's certificate is verified by.
    """
    if not url.startswith(("http://", "https://")):
        raise PageError("is no http or https URL")
    with trio.move_on_after(_WHOLE_SECONDS):
        # In a thread that nobody waits for at the end: a page that trickles must not hold up the rest.
        return await trio.to_thread.run_sync(_fetch, url, trust_anchors, abandon_on_cancel=True)
    raise PageError(f"took over {_WHOLE_SECONDS:g} seconds")


def _fetch(url: str, trust_anchors: str) -> WebPage:
    user_agent = {"User-Agent": f"starttls-survey/{__version__}"}
    try:
        context = ssl.create_default_context(cafile=trust_anchors)
        request = urllib.request.Request(url, headers=user_agent)  # noqa: S310  the scheme was checked
        with urllib.request.urlopen(request, timeout=_STEP_SECONDS, context=context) as response:  # noqa: S310  as above
            octets = len(response.read(_READ_LIMIT))
            return WebPage(
                status=response.status,
                octets=octets,
                sent_at=_date(response.headers.get("Date")),
                came_at=datetime.now(UTC),
            )
    except urllib.error.HTTPError as error:
        with error:
            raise PageError(f"status {error.code}") from None
    except urllib.error.URLError as error:
        raise PageError(str(error.reason)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PageError(str(error) or type(error).__name__) from None


def _date(text: str | None) -> datetime | None:
    try:
        date = email.utils.parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
