"""Tie a process to the one that started it: on Linux the kernel ends it when its parent dies, even by kill -9.

Also runs as a program: `python parent_death.py PARENT SIGNAL COMMAND ...` ties itself, then becomes COMMAND.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(signal: int) -> bool:
    """Have the kernel send this process `signal` when its parent dies. Return False where there is no such thing."""
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal), 0, 0, 0) == 0)


def tied_to_parent(command: list[str], signal: int) -> list[str]:
    """Return the command line that runs `command` tied to the calling process.

    The kernel watches the calling *thread*: start children from one that lives as long as they should.
    """
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), str(os.getpid()), str(int(signal)), *command]


if __name__ == "__main__":
    parent, death, *rest = sys.argv[1:]
    if die_with_parent(int(death)) and os.getppid() != int(parent):
        sys.exit("its parent was gone before it started")
    os.execvp(rest[0], rest)
