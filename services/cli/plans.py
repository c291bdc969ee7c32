"""`tuopin plan`: what will be done for a household."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.codes import codes_of
from services.cli.contact import chosen, contact, new_command_id, today
from services.cli.households import paper_consent
from services.cli.options import CommandId, Json, On, PageSize, PageToken, Region
from services.cli.output import show_one, show_page
from tuopin.planning.v1.plan_pb2 import ApprovePlan, ConsentToPlan, GetPlan, ListPlans, PlanStatus

app = typer.Typer(no_args_is_help=True, help="Plans and their measures.")

PlanId = Annotated[str, typer.Argument(help="plan_id")]
STATUSES = codes_of(PlanStatus)


@app.command("show")
def show_plan(
    reference: Annotated[str, typer.Argument(help="plan_id or household_id")], as_json: Json = False
) -> None:
    """One plan with measures, helper and visits.

    Example: tuopin plan show HOUSEHOLD --json
    """
    plan = contact().call("planning", "GetPlan", GetPlan(reference=reference))
    show_one(plan, title=f"plan {plan.plan_id}", as_json=as_json)


@app.command("list")
def list_plans(
    region: Region = "",
    status: Annotated[str, typer.Option(help=" | ".join(STATUSES))] = "",
    page_size: PageSize = 20,
    page_token: PageToken = "",
    as_json: Json = False,
) -> None:
    """Plans below a region.

    Example: tuopin plan list --region 433124 --status drafted --json
    """
    if status:
        chosen("--status", status, STATUSES)
    page = contact().call(
        "planning",
        "ListPlans",
        ListPlans(
            region_id=region,
            status=PlanStatus.Value(
                f"PLAN_STATUS_{(status or 'unspecified').upper().replace('-', '_')}"
            ),
            page_size=page_size,
            page_token=page_token,
        ),
    )
    columns = ("plan_id", "household_id", "village_id", "status", "main_cause", "helper_id")
    show_page(page.plans, columns, page=page, noun="plans", as_json=as_json)


@app.command()
def consent(
    plan_id: PlanId,
    given_by: Annotated[str, typer.Option(help="person_id of the member who signed.")],
    paper: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Picture of the paper.")],
    witness: Annotated[str, typer.Option(prompt=True, help="Name of the witness.")],
    on: On = "",
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The household's yes, on a signed paper.

    Example: tuopin plan consent PLAN --given-by PERSON --paper signed.jpg
    """
    household_id = contact().call("planning", "GetPlan", GetPlan(reference=plan_id)).household_id
    command = ConsentToPlan(
        command_id=command_id or new_command_id(),
        plan_id=plan_id,
        consent=paper_consent(household_id, given_by, paper, witness, on or today()),
    )
    receipt = contact().call("planning", "ConsentToPlan", command)
    show_one(receipt, title="consented", as_json=as_json)


@app.command()
def approve(
    plan_id: PlanId,
    helper: Annotated[str, typer.Option(help="cadre_id of the household's helper.")],
    command_id: CommandId = "",
    as_json: Json = False,
) -> None:
    """The township's word: the plan is in force and the helper gets the first visit.

    Example: tuopin plan approve PLAN --helper CADRE
    """
    command = ApprovePlan(
        command_id=command_id or new_command_id(), plan_id=plan_id, helper_id=helper
    )
    show_one(contact().call("planning", "ApprovePlan", command), title="in force", as_json=as_json)
