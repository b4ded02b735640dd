"""All periodic work of the portal, in one place: what wakes up, and how often (seconds).

Every entry may be missed, late or repeated without harm: rows are the truth, these only look for the ones that wait.
An entry that nobody took before the next one is due expires, so a long pause never leaves a queue of them.
"""

SWEEP_EVERY = 5
PULL_EVERY = 5
PRUNE_EVERY = 3600

# Not tasks: the worker and the scheduler each say "still here" this often, and count as gone after this long.
HEARTBEAT_EVERY = 3
HEARTBEAT_LATE = 20

SCHEDULE = {
    "work off whatever waits as a row (inbox, outbox) and was not woken for": {
        "task": "portal.kernel.tasks.drain",
        "schedule": SWEEP_EVERY,
        "options": {"expires": SWEEP_EVERY},
    },
    "pull every source whose turn it is": {
        "task": "releases.pulling.tasks.pull_due",
        "schedule": PULL_EVERY,
        "options": {"expires": PULL_EVERY},
    },
    "delete messages that were delivered days ago": {
        "task": "portal.kernel.tasks.prune_messages",
        "schedule": PRUNE_EVERY,
        "options": {"expires": PRUNE_EVERY},
    },
}
