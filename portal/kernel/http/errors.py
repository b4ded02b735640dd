"""Why something was not asked, or not answered. Every text is in plain words, with the remedy and without a secret."""


class NotAnswered(Exception):
    """There is no answer to use. Another attempt may succeed."""


class NotAsked(NotAnswered):
    """It was not asked, or the answer is of no use, until a person changes something."""


class BadAddress(NotAsked):
    """The address, a header or a name in it cannot be what was meant."""


class Closed(NotAsked):
    """The host's address is one that Rodeo does not open. `may_be_allowed`: an administrator can allow `host`."""

    def __init__(self, text: str, host: str, *, may_be_allowed: bool) -> None:
        self.host, self.may_be_allowed = host, may_be_allowed
        super().__init__(text)


class NotTrusted(NotAsked):
    """The other side's certificate does not prove who it is."""


class Astray(NotAsked):
    """The answer leads to another place, and credentials go nowhere but where they were meant for."""


class UnknownHost(NotAnswered):
    """The name leads to no address."""


class Unreachable(NotAnswered):
    """Nobody listens there, or the connection cannot be made."""


class TooSlow(NotAnswered):
    """Time was up."""


class TooLarge(NotAnswered):
    """The answer is larger than may be read. What came was thrown away."""


class BrokenOff(NotAnswered):
    """The answer is not whole, or not what its headers say."""
