#!/usr/bin/env python
"""Django's command line for Pacifica Desk."""

import os
import sys


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # a setting: its sentence says more than a traceback
        sys.exit(f"Cannot start. {error}")


if __name__ == "__main__":
    main()
