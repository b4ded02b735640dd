"""What a batch of events changed: the input for finding the stories whose evidence may have changed."""

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(slots=True)
class Affected:
    """What some events changed, from which follows whose evidence may have changed."""

    changes: set[UUID] = field(default_factory=set)
    repositories: set[int] = field(default_factory=set)
    runs: set[UUID] = field(default_factory=set)
    artifacts: set[UUID] = field(default_factory=set)
    deployments: set[UUID] = field(default_factory=set)
    checks: set[UUID] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    flags: set[str] = field(default_factory=set)
    services: set[int] = field(default_factory=set)
    environments: set[int] = field(default_factory=set)
    # Environments that may be gone, or be there again, for what was deployed to them: no evidence follows from that.
    returned: set[int] = field(default_factory=set)
    stories: set[int] = field(default_factory=set)
    # Groups of alerts, as (source, group, key of one without a group), and reports of incidents that may be none any more.
    groups: set[tuple[int, str, str]] = field(default_factory=set)
    lost_reports: set[UUID] = field(default_factory=set)
    # Threads of reports, and incidents that are otherwise than before.
    threads: set[str] = field(default_factory=set)
    incidents: set[UUID] = field(default_factory=set)
    # Issues that may become stories, as (source, key).
    tickets: set[tuple[int, str]] = field(default_factory=set)

    def note(self, *, service: int | None = None, repository: int | None = None, key: str = "") -> None:
        """Note a whole service, a whole repository, or a story by its key, where there is one."""
        self.services |= {service} if service is not None else set()
        self.repositories |= {repository} if repository is not None else set()
        self.keys |= {key} if key else set()

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)
