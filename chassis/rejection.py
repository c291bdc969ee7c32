"""Why a rule said no: a fact in kebab-case, noun first. The sentence in zh and en is programme
data.
"""

from typing import NoReturn


class Rejected(Exception):
    """The caller can mend it: `slug` names the fact, `details` fill its sentence.

    Becomes FAILED_PRECONDITION with a Problem; the sentence comes from programme/sentences/.
    """

    def __init__(self, slug: str, *, field: str = "", **details: object) -> None:
        super().__init__(slug)
        self.slug = slug
        self.field = field
        self.details = {name: str(value) for name, value in details.items()}


class FactMissing(Exception):
    """A foreign fact has not arrived yet: a reaction is parked, a person is asked to try again
    (UNAVAILABLE).
    """

    def __init__(self, noun: str, key: str) -> None:
        super().__init__(f"{noun} {key} is not known here yet")
        self.noun = noun
        self.key = key


def reject(slug: str, *, field: str = "", **details: object) -> NoReturn:
    """Raise Rejected."""
    raise Rejected(slug, field=field, **details)


def require(condition: object, slug: str, *, field: str = "", **details: object) -> None:
    """Raise Rejected(slug) unless the condition holds."""
    if not condition:
        raise Rejected(slug, field=field, **details)
