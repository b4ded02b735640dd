"""All periodic work of the portal, in one place: what wakes up, and how often (seconds).

Every entry may be missed, late or repeated without harm: rows are the truth, these only look for the ones that wait.
An entry that nobody took before the next one is due expires, so a long pause never leaves a queue of them.
"""

SWEEP_EVERY = 5
PULL_EVERY = 5
ASK_EVERY = 10
PRUNE_EVERY = 3600
DEPART_EVERY = 600
# It reads what releases ship that somebody approved and that aren't out yet; a few at a time.
VOID_EVERY = 60
# A run takes 20 seconds at most, and none where nothing is old enough.
PRUNE_CONTENTS_EVERY = 60
NOTICE_SHIPPED_EVERY = 60
# Once a day for each release; a run takes 20 seconds at most, and the next one goes on.
KEEP_FORECASTS_EVERY = 300
# Each look at a day replaces the one before, so a day ends with what was said last.
KEEP_READINESS_EVERY = 1800
SEND_DIGESTS_EVERY = 300

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
    "ask the outside checks of releases whose turn it is": {
        "task": "releases.outside_checks.tasks.ask_due",
        "schedule": ASK_EVERY,
        "options": {"expires": ASK_EVERY},
    },
    "send the mails whose turn it is": {
        "task": "portal.kernel.tasks.send_mails",
        "schedule": SWEEP_EVERY,
        "options": {"expires": SWEEP_EVERY},
    },
    "create the next releases of trains": {
        "task": "releases.release_trains.tasks.depart",
        "schedule": DEPART_EVERY,
        "options": {"expires": DEPART_EVERY},
    },
    "answer whoever waits to be told whether they may deploy": {
        "task": "releases.deployment_checks.tasks.answer_waiting",
        "schedule": SWEEP_EVERY,
        "options": {"expires": SWEEP_EVERY},
    },
    "keep the judgement of every release that went out": {
        "task": "releases.snapshots.tasks.notice_shipped",
        "schedule": NOTICE_SHIPPED_EVERY,
        "options": {"expires": NOTICE_SHIPPED_EVERY},
    },
    "void approvals that were given for other content than releases ship now": {
        "task": "releases.approvals.tasks.void_outdated",
        "schedule": VOID_EVERY,
        "options": {"expires": VOID_EVERY},
    },
    "delete contents of old events, where administrators want that": {
        "task": "portal.retention.tasks.delete_old_contents",
        "schedule": PRUNE_CONTENTS_EVERY,
        "options": {"expires": PRUNE_CONTENTS_EVERY},
    },
    "keep today's forecast of each release that has none yet": {
        "task": "releases.forecasts.tasks.keep_daily",
        "schedule": KEEP_FORECASTS_EVERY,
        "options": {"expires": KEEP_FORECASTS_EVERY},
    },
    "keep what is said of each open release today": {
        "task": "releases.overview.tasks.keep_daily",
        "schedule": KEEP_READINESS_EVERY,
        "options": {"expires": KEEP_READINESS_EVERY},
    },
    "mail the overview of releases to those who want it and had none this week": {
        "task": "releases.overview.tasks.send_digests",
        "schedule": SEND_DIGESTS_EVERY,
        "options": {"expires": SEND_DIGESTS_EVERY},
    },
    "delete delivered messages, sent mails, ended sessions and the like": {
        "task": "portal.retention.tasks.delete_old_rows",
        "schedule": PRUNE_EVERY,
        "options": {"expires": PRUNE_EVERY},
    },
}
