"""The way in: `starttls-survey`, or `python -m crawler`.

Every worker process begins by running the command's script once more, up to the call of `main`: it must not
import there what only the coordinator needs, which takes a second.
"""

from crawler.own_process import claim_process


def main() -> None:
    """Run the command line."""
    claim_process()
    from crawler.cli import main as run

    run()


if __name__ == "__main__":
    main()
