#!/usr/bin/env python
"""Django's command line for Pacifica Desk.

What is loaded stays, so the garbage collector is kept from walking it: a third of the time that a
terminal takes to cancel, most of it as the process ends.
"""

import gc
import os
import sys

# Of these, exit code 1 means that they ran, and tells what they found.
RAN_WITH_1 = {
    "audit_archive",
    "audit_note",
    "audit_verify",
    "cancel",
    "doctor",
    "panic",
    "sync_orders",
    "watch",
}


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    if sys.argv[1:] in (["version"], ["--version"]):  # Django would answer with its own alone
        print(version())
        return
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import ManagementUtility

    class CommandLine(ManagementUtility):
        """Django's, which runs its own commands without settings: they end in a traceback."""

        def fetch_command(self, subcommand):
            if isinstance(self.settings_exception, ImproperlyConfigured):
                raise self.settings_exception
            found = super().fetch_command(subcommand)
            gc.freeze()
            gc.enable()
            return found

    gc.disable()  # while what follows is loaded
    try:
        CommandLine(sys.argv).execute()
    except ImproperlyConfigured as error:  # a setting: its sentence says more than a traceback
        print(f"Cannot start. {error}", file=sys.stderr)
        sys.exit(2 if RAN_WITH_1.intersection(sys.argv[1:2]) else 1)
    finally:
        gc.freeze()


def version():
    """The app's version and Django's, in one line."""
    import django

    from orders.pacifica.client import VERSION

    return f"Pacifica Desk {VERSION}, Django {django.get_version()}"


if __name__ == "__main__":
    main()
