"""`python -m desk.demo`: prepare the demo, run it until Ctrl-C, keep its data for next time."""

import argparse
import fcntl
import shutil
import sys
from pathlib import Path

from desk.demo import environment, stack

FOLDER = Path(__file__).resolve().parents[2] / "data" / "demo"


def main() -> None:
    """Read the options and run; exit code 0 after Ctrl-C."""
    options = read_options()
    options.folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{options.folder}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("The demo is running already. Stop it with Ctrl-C first.")
        if options.reset:
            shutil.rmtree(options.folder, ignore_errors=True)
        try:
            demo = environment.prepare(folder=options.folder, paper_port=stack.free_port())
            stack.prepare(demo, has_trouble=options.trouble)
            sys.exit(stack.run(demo, port=options.port, has_trouble=options.trouble))
        except stack.CannotRun as error:
            sys.exit(f"The demo cannot start. {error}")
        except KeyboardInterrupt:
            sys.exit("Stopped.")


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m desk.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="where the pages are; 8000")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where its data is kept")
    parser.add_argument("--reset", action="store_true", help="throw the data away first")
    parser.add_argument("--trouble", action="store_true", help="let things go wrong")
    return parser.parse_args()


if __name__ == "__main__":
    main()
