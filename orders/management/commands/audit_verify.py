"""`manage.py audit_verify`: is the log whole?"""

import sys

from django.core.management.base import BaseCommand

from orders import audit
from orders.management import terminal
from orders.models import AuditRecord


class Command(BaseCommand):
    """Only prints; the work is in `orders.audit`."""

    help = "Walks the whole audit log and names every record that is wrong. Exit code 0: whole."

    def handle(self, *args, **options):
        """Name each fault as it is found; exit code 1 where there is one."""
        with terminal.in_words():
            faults = 0
            for fault in audit.verify():
                faults += 1
                self.stderr.write(f"Record {fault.position}: {fault.what}.")
        count = AuditRecord.objects.count()
        records = f"{count} {'record' if count == 1 else 'records'}"
        if faults:
            self.stderr.write(f"{records}, {faults} {'fault' if faults == 1 else 'faults'}.")
            sys.exit(1)
        self.stdout.write(f"{records}, whole.")
