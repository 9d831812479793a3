"""The process inside a namespace: calls what it is sent, until nobody sends any more."""

import pickle
import subprocess
import sys

from tests.servers.namespace import program


def main() -> None:
    """Bring loopback up, then answer calls on standard input."""
    subprocess.run([program("ip"), "link", "set", "lo", "up"], check=True)
    while True:
        try:
            function, args, kwargs = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        result, failure = None, None
        try:
            result = function(*args, **kwargs)
        except Exception as error:  # whatever it is, the caller has to hear it
            failure = error
        pickle.dump((result, failure), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
