"""The stages of a story, from to do to rodeo done, and how a rung of its ladder may fare."""

RUNGS = ("dev_done", "integrated", "tested", "deployed", "rodeo_done")
STAGES = ("todo", "in_progress", *RUNGS)
STAGE_NAMES = {
    "todo": "to do",
    "in_progress": "in progress",
    "dev_done": "dev done",
    "integrated": "integrated",
    "tested": "tested",
    "deployed": "deployed",
    "rodeo_done": "rodeo done",
}
# What people say of a story; every other stage follows from evidence.
PROGRESS = STAGES[:3]
HELD, BY_HAND, MISSING, WITHDRAWN = "held", "by_hand", "missing", "withdrawn"
