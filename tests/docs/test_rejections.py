"""docs/rejections.md is the table of today's sentences."""

from services.roster import NAMES
from tools.rejections import PAGE, page, rejections


def test_the_table_is_that_of_the_sentences() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make generate`"


def test_every_rejection_belongs_to_a_service_or_to_all() -> None:
    assert rejections().keys() == {*NAMES, "chassis"}


def test_a_slug_stands_in_it_once() -> None:
    slugs = [slug for sentences in rejections().values() for slug in sentences]
    assert len(slugs) == len(set(slugs)) > 200
