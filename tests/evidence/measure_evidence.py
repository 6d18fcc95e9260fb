"""`-m tests.evidence.measure_evidence`: how fast `make_records`' log is verified and exported.

Signatures a second of processor time, and how much memory the walk takes, after a tenth and after
all of it; then an export of so many records in a process of its own, while pages of the log are
asked for here.
"""

import argparse
import multiprocessing
import resource
import statistics
import time


def verify(until):
    """Walk the log up to a position; one line of figures."""
    from orders.evidence import verify

    started, cpu = time.perf_counter(), time.process_time()
    report = verify.verify(until=until)
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"verified {report.records} records, {report.signatures} signatures, "
        f"{report.fault_count} faults in {took:.1f} s ({cpu:.1f} s of one core): "
        f"{report.signatures / cpu:.0f} signatures/s/core, peak {peak:.0f} MiB",
        flush=True,
    )


def export(count):
    """Export about the first so many records; how long it took, and pages meanwhile."""
    from django.db import connections

    from orders.audit import log
    from orders.models import AuditRecord, Export
    from orders.operations.errands import background, exports
    from tests.evidence.measure_log import auditor, measure
    from tests.helpers.screens import url

    browser, user = auditor()
    until = AuditRecord.objects.get(position=count).at
    actor = log.Actor(user.pk, user.username)
    asked = exports.ask(user=user, actor=actor, query={"to": until.isoformat()})
    path, times = url("orders_auditrecord_changelist"), []
    connections.close_all()
    process = multiprocessing.get_context("fork").Process(target=background.run_due)
    started = time.perf_counter()
    process.start()
    while process.is_alive():
        times.append(measure(browser, path, {}, times=1)[0])
        time.sleep(0.2)
    took, done = time.perf_counter() - started, Export.objects.get(pk=asked.pk)
    print(
        f"exported {done.record_count} records ({done.get_status_display()}, {done.explanation}) "
        f"in {took:.1f} s, {done.file_length / 2**20:.0f} MiB; meanwhile {len(times)} first pages "
        f"of the log, median {statistics.median(times):.0f} ms, slowest {max(times):.0f} ms"
    )


def main():
    """Verify a tenth, verify all, export."""
    parser = argparse.ArgumentParser(prog="python -m tests.evidence.measure_evidence")
    parser.add_argument("--export", type=int, default=100_000, help="so many records")
    parser.add_argument("--verify", type=int, default=0, help="up to this position; all without")
    options = parser.parse_args()
    from tests.helpers.scratch import scratch_database

    with scratch_database(keep=True):
        from django.conf import settings

        from orders.audit import reader
        from orders.evidence import checkpoints

        settings.ALLOWED_HOSTS = ["testserver"]
        checkpoints.make()
        until = options.verify or reader.tip()
        for part in (until // 10, until):
            verify(part)
        export(min(options.export, until))


if __name__ == "__main__":
    main()
