"""The five verdicts on a case, each worked out when somebody asks, and again only after something that may change it."""

from datetime import datetime

from squads.judge.case import Case, FlagEdit, Move, Row, TakenBack, Verdict, each_service
from squads.judge.deployed import deployed
from squads.judge.dev_done import dev_done
from squads.judge.integrated import integrated
from squads.judge.rodeo_done import rodeo_done
from squads.judge.stages import RUNGS
from squads.judge.tested import tested

Event = Row | Move | TakenBack | FlagEdit
# The rungs that a row of each kind may raise, withdraw, or give another reason.
AFFECTED = {
    "change": ("integrated", "tested", "deployed", "rodeo_done"),
    "revert": ("integrated", "tested", "deployed", "rodeo_done"),
    "run": ("integrated",),
    "test": ("tested",),
    "deployment": ("deployed", "rodeo_done"),
    "acceptance": ("rodeo_done",),
    "flag": ("rodeo_done",),
    "incident": ("rodeo_done",),
}
PROVEN_BY = {"integrated": "run", "tested": "test", "deployed": "deployment", "rodeo_done": "acceptance"}
# Of these a success withdraws nothing and a failure raises nothing. What is deployed or committed may do either.
ONE_WAY = ("run", "test", "acceptance", "flag", "incident")
SURE = {"success": True, "failure": False}
FROM_THE_TOP = RUNGS[::-1]
BY_SERVICE = {"integrated": integrated, "tested": tested, "deployed": deployed}


class Rungs:
    """The rungs of one story's ladder while its evidence is told, moment by moment."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._verdicts: dict[str, Verdict] = {}
        # Whether a rung holds is known longer than its reason.
        self._holds: dict[str, bool] = {}

    def verdict(self, rung: str) -> Verdict:
        """Return how a rung fares now."""
        known = self._verdicts.get(rung)
        if known is None:
            known = self._verdicts[rung] = self._worked_out(rung)
            self._holds[rung] = known.holds
        return known

    def holds(self, rung: str) -> bool:
        """Say whether a rung holds now."""
        known = self._holds.get(rung)
        if known is None:
            known = self._holds[rung] = self._may_hold(rung) and self.verdict(rung).holds
        return known

    def _may_hold(self, rung: str) -> bool:
        """Say what can be said without looking at the rows: nothing holds that nothing of its kind proves."""
        if rung == "dev_done":
            return True
        return PROVEN_BY[rung] in self.case.rows and (rung != "rodeo_done" or self.holds("deployed"))

    @property
    def stage(self) -> str:
        """The highest rung that holds; below all of them, what people say."""
        for rung in FROM_THE_TOP:
            if self.holds(rung):
                return rung
        return self.case.progress

    def hear(self, event: Event) -> bool:
        """Take in what happened next: a row of evidence, a move, or what a person took back or edited.

        Return whether the stage may be another one now.
        """
        if isinstance(event, Row):
            self.case.add(event)
            return self._heard_row(event.kind, event.verdict)
        if isinstance(event, Move):
            self.said(event.to, event.at)
        elif isinstance(event, TakenBack):
            self.case.remove(event.row)
            self._verdicts.clear()
            self._holds.clear()
        else:
            setattr(self.case, event.name, event.after)
            self._verdicts.pop("rodeo_done", None)
            self._holds.pop("rodeo_done", None)
        return True

    def said(self, progress: str, at: datetime | None) -> None:
        """Take in what people say of the story, and since when."""
        self.case.progress, self.case.progress_at = progress, at
        # Of a story without changes, every rung is missing since then.
        self._verdicts.clear()
        self._holds.pop("dev_done", None)

    def _heard_row(self, kind: str, verdict: str) -> bool:
        sure = SURE.get(verdict) if kind in ONE_WAY else None
        open_again = False
        for rung in AFFECTED.get(kind, RUNGS):
            self._verdicts.pop(rung, None)
            if sure is None or self._holds.get(rung) is not sure:
                self._holds.pop(rung, None)
                open_again = True
        return open_again

    def _worked_out(self, rung: str) -> Verdict:
        if rung == "rodeo_done":
            return rodeo_done(self.case, self.verdict("deployed"))
        if rung == "dev_done":
            return dev_done(self.case)
        return each_service(self.case, BY_SERVICE[rung])
