"""The authorisation matrix: ``python -m tests.authz.matrix [--quick]``.

Every kind of person at every address of the URL configuration, with own, foreign, missing and
malformed ids, by GET and by POST, and the tricks of `tests.authz.probes` at every list and form.
Foreign rows carry words that no answer may hold, and a hash of all rows tells what a cell changed.
"""

import argparse
import time

from tests.helpers.scratch import scratch_database


def main():
    """Try everything and print the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="as the tests do")
    options = parser.parse_args()
    began = time.monotonic()
    with scratch_database():
        from django.test.utils import setup_test_environment

        from tests.authz.harness import Matrix, new_world
        from tests.authz.probes import try_tricks

        setup_test_environment()
        with new_world() as world:
            matrix = Matrix(world, is_whole=not options.quick)
            for kind in world.people:
                matrix.try_person(kind)
                try_tricks(matrix)
                print(f"{kind}: {sum(matrix.tried.values())} cells so far", flush=True)
    for kind, words in matrix.faults[:50]:
        print(f"{kind.upper()} {words}")
    print(f"{matrix.sums()}; {time.monotonic() - began:.0f} s")
    raise SystemExit(bool(matrix.faults))


if __name__ == "__main__":
    main()
