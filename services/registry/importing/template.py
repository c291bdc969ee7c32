"""The file that a county fills in: every column, and one invented household to show how."""

from pathlib import Path

from chassis.programme import Programme
from chassis.settings import PROGRAMME_FOLDER
from services.registry.importing.columns import IMPORT_COLUMN
from services.registry.importing.writing import writing
from services.registry.synthetic import COLUMNS, invent

EXAMPLE_VILLAGE = "433124110226"
EXAMPLE_SEED = 3
LIST_OF_COLUMN = {
    "attribute": "attribute",
    "main_cause": "cause",
    "other_cause_1": "cause",
    "other_cause_2": "cause",
    "housing_safety": "housing-safety",
    "safe_drinking_water": "yes-no",
    "power": "yes-no",
    "road": "yes-no",
    "toilet": "yes-no",
    "relation": "relation",
    "sex": "sex",
    "education": "education",
    "at_school": "yes-no",
    "health": "health",
    "labour": "labour",
    "medical_insurance": "yes-no",
    "pension_insurance": "yes-no",
    "main_fuel": "fuel",
    "employment": "employment",
    "work_place": "work-place",
}


def write_template(path: Path, language: str) -> None:
    """Write the template with headers and labels in a language."""
    codes = Programme.load(PROGRAMME_FOLDER).table("codes")
    (example,) = invent(1, EXAMPLE_SEED, [EXAMPLE_VILLAGE])
    table = writing(path, len(COLUMNS))
    try:
        table.row([codes[IMPORT_COLUMN][column][language] for column in COLUMNS])
        for cells in example:
            table.row(
                [
                    codes[LIST_OF_COLUMN[column]][cell][language]
                    if cell and column in LIST_OF_COLUMN
                    else cell
                    for column, cell in zip(COLUMNS, cells, strict=True)
                ]
            )
    finally:
        table.close()
