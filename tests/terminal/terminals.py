"""Runs a piece of Python behind a real pseudo-terminal and returns what it showed."""

import os
import pty
import select
import subprocess
import sys
import time

LIMIT_S = 20


def in_a_terminal(code, answer="", columns=80, **environment):
    """Return (exit code, what the terminal showed) of `python -c code`, with `answer` typed once something was shown."""
    master, slave = pty.openpty()
    os.set_inheritable(slave, True)
    inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    environ = {**inherited, "TERM": "xterm-256color", "COLUMNS": str(columns), **environment}
    process = subprocess.Popen([sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True)
    os.close(slave)
    shown, deadline = b"", time.monotonic() + LIMIT_S
    try:
        while time.monotonic() < deadline:
            if not select.select([master], [], [], 0.05)[0]:
                continue
            try:
                part = os.read(master, 65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            shown += part
            if answer:
                os.write(master, answer.encode())
                answer = ""
        return process.wait(timeout=LIMIT_S), shown.decode().replace("\r\n", "\n")
    finally:
        process.kill()
        process.wait()
        os.close(master)
