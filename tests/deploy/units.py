"""The unit files of `deploy/systemd/`, read line by line, and what systemd knows of each line."""

import shlex
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(FOLDER.iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
TIMED = [unit for unit in SERVICES if unit.with_suffix(".timer") in UNITS]
PROCESSES = [unit for unit in SERVICES if unit not in TIMED]
INSTALLED = "/opt/pacifica-desk"

# Names as the man pages of systemd 252 (Debian 12) spell them; `systemd-analyze verify` passes over
# others with a warning and exit code 0. Page -> section -> names. Only those that are used.
DIRECTIVES = {
    "systemd.unit(5)": {
        "Unit": "Description Documentation PartOf Wants After StartLimitIntervalSec",
        "Install": "WantedBy",
    },
    "systemd.timer(5)": {"Timer": "OnCalendar Persistent"},
    "systemd.service(5)": {"Service": "Type ExecStart Restart RestartSec TimeoutStopSec"},
    "systemd.kill(5)": {"Service": "KillMode"},
    "systemd.exec(5)": {
        "Service": """
            User Group WorkingDirectory UMask Environment LoadCredential LimitNOFILE
            StateDirectory StateDirectoryMode NoNewPrivileges Nice CapabilityBoundingSet
            AmbientCapabilities ProtectSystem ProtectHome ProtectProc ProcSubset ProtectClock
            ProtectHostname ProtectControlGroups ProtectKernelLogs ProtectKernelModules
            ProtectKernelTunables PrivateTmp PrivateDevices PrivateMounts RemoveIPC KeyringMode
            RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID
            LockPersonality MemoryDenyWriteExecute SystemCallArchitectures SystemCallFilter
            SystemCallErrorNumber
        """
    },
}


def lines(text):
    """(section, name, value) of each line of a unit file."""
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield section, name, value


def unknown(text):
    """Lines whose section or name systemd would pass over."""
    known = {
        (section, name)
        for page in DIRECTIVES.values()
        for section, names in page.items()
        for name in names.split()
    }
    return [f"[{s}] {name}" for s, name, _ in lines(text) if (s, name) not in known]


def values(unit, name):
    """All values that a unit gives a directive."""
    return [value for _, key, value in lines(unit.read_text()) if key == name]


def command(unit):
    """The words of a service's ExecStart."""
    (value,) = values(unit, "ExecStart")
    return shlex.split(value)
