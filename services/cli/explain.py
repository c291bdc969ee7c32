"""`tuopin household explain`: why a household is on the list or not."""

from pathlib import Path
from typing import Annotated

import typer
from jinja2 import Environment
from rich.table import Table

from services.cli.contact import contact
from services.cli.households import Household, app
from services.cli.options import AsOf, Json, KnownAt, known_at_us
from services.cli.output import moment, print_table, show_one
from tuopin.registry.v1.explain_pb2 import ExplainedStep, ExplainHousehold, Explanation

PAGE = Environment(autoescape=True).from_string(
    """<!doctype html>
<html><head><meta charset="utf-8"><title>{{ e.household_number }}</title>
<style>body{font:14px sans-serif;max-width:60em;margin:2em auto}td,th{border:1px solid #999;
padding:.3em;text-align:left;vertical-align:top}table{border-collapse:collapse;width:100%}
.decisive{font-weight:bold}small{color:#555}</style></head><body>
<h1>{{ e.household_number }} · {{ e.village_id }}</h1>
<p><b>{{ e.label }}</b> · {{ e.as_of }} · {{ known_at }}</p>
<table>{% for s in e.steps %}
<tr{% if s.decisive %} class="decisive"{% endif %}><td>{{ s.effective_on }}</td><td>{{ s.title }}
</td><td>{{ facts(s) }}</td><td>{{ who(s) }}<br><small>{{ s.lane }}#{{ s.position }} {{ s.hash }}
{{ s.programme }}</small></td></tr>{% endfor %}
</table><p><small>sha256 {{ e.digest }}</small></p></body></html>
"""
)


@app.command("explain")
def explain(
    household_id: Household,
    as_of: AsOf = "",
    known_at: KnownAt = "",
    html: Annotated[Path | None, typer.Option(help="Write a page to print here.")] = None,
    as_json: Json = False,
) -> None:
    """The facts, rules, postings and people that put a household on the list or took it off.

    Read from the log: the digest is the same for everybody who reads the same log.

    Example: tuopin household explain ID --as-of 2026-06-30
    """
    found = contact().call(
        "registry",
        "ExplainHousehold",
        ExplainHousehold(household_id=household_id, as_of=as_of, known_at_us=known_at_us(known_at)),
    )
    if html is not None:
        known = moment(found.known_at_us)
        html.write_text(
            PAGE.render(e=found, known_at=known, facts=_facts, who=_who), encoding="utf-8"
        )
    if as_json:
        show_one(found, title="", as_json=True)
        return
    print_table(f"{found.household_number}, {found.as_of}: {found.label}", _table(found))
    typer.echo(f"{found.decided_by} · sha256 {found.digest}")


def _table(found: Explanation) -> Table:
    table = Table("", "on", "what", "facts and rules", "who", "record")
    for each in found.steps:
        table.add_row(
            "●" if each.decisive else "",
            each.effective_on,
            each.title,
            _facts(each),
            _who(each),
            f"{each.lane}#{each.position} {each.hash}",
        )
    return table


def _facts(step: ExplainedStep) -> str:
    facts = [f"{fact.label}: {fact.value}" for fact in step.facts]
    rules = [f"{rule.label} = {rule.value}" for rule in step.rules]
    return "; ".join([*facts, *rules])


def _who(step: ExplainedStep) -> str:
    return f"{step.on_behalf_of} ({step.actor})" if step.on_behalf_of else step.actor
