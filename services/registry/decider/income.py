"""A household's income, year by year: what counts, what does not, and the line of that year."""

from chassis.decider import Context, Decisions, Parameters
from chassis.rejection import require
from services.registry.decider import filing
from services.registry.decider.part import Part, by_household_id, require_on_file
from services.registry.decider.registration import line_fen, per_head_fen
from services.registry.decider.state import State
from tuopin.registry.v1.file_pb2 import IncomeStated, StateIncome
from tuopin.registry.v1.household_pb2 import Household, Income, IncomeStatement


def decide(state: State, command: StateIncome, context: Context) -> Decisions:
    """A year is stated once; whatever was wrong about it is corrected."""
    require_on_file(state, command.effective_on, context)
    year, today = command.income.year, context.today
    require(year <= today.year, "income-year-not-begun", field="income.year", today=today)
    stated = statement_of(state.file, year)
    if stated is not None:
        require(stated.income == command.income, "income-already-stated", field="income.year")
        return
    yield income_stated(
        state,
        statement(
            command.income,
            state.village_id,
            len(state.person_ids),
            command.effective_on,
            context.parameters,
        ),
    )


def statement(
    income: Income, village_id: str, member_count: int, stated_on: str, parameters: Parameters
) -> IncomeStatement:
    """The year with what follows from it under the rules in force."""
    return IncomeStatement(
        income=income,
        income_per_head_fen=per_head_fen(income, member_count),
        poverty_line_fen=line_fen(income.year, village_id, parameters),
        member_count=member_count,
        stated_on=stated_on,
    )


def statement_of(file: Household, year: int) -> IncomeStatement | None:
    """What was stated of a year."""
    return next((each for each in file.income_statements if each.income.year == year), None)


def income_stated(state: State, stated: IncomeStatement, import_id: str = "") -> IncomeStated:
    """The event, with what the file shows first after it."""
    latest = not state.file.income_statements or (
        stated.income.year > state.file.income_statements[-1].income.year
    )
    shown = stated if latest else state.file.income_statements[-1]
    return IncomeStated(
        household_id=state.household_id,
        village_id=state.village_id,
        statement=stated,
        effective_on=stated.stated_on,
        import_id=import_id,
        income_per_head_fen=shown.income_per_head_fen,
    )


INCOME = Part(
    decide=decide,
    evolve=filing.evolve,
    commands={StateIncome: by_household_id},
    events=(IncomeStated,),
)
