"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from crawler.storing.object_store import place

RunPath = Annotated[
    Path, typer.Argument(parser=place, metavar="RUN", help="Run folder, or s3://BUCKET/FOLDER.")
]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="TOML file of settings.")]
ResolverAddress = Annotated[str | None, typer.Option("--resolver", help="Recursive resolver, address:port.")]
HelloName = Annotated[str | None, typer.Option("--hello-name", help="This scanner's own name, for EHLO.")]
