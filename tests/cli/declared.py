"""What each command of `tuopin` is: a listing of rows, or one answer."""

COUNTY = "433124"
YEAR = "2026"
# In place of the id of a household that is there.
HOUSEHOLD = "HOUSEHOLD"

# Every command that lists, with what it is asked here.
LISTINGS = {
    "regions find": ("十八洞", "--ancestor", COUNTY),
    "regions changes": (),
    "household list": ("--region", COUNTY),
    "household duplicates decisions": ("--region", COUNTY),
    "household duplicates find": (HOUSEHOLD,),
    "household duplicates sweep": ("--region", COUNTY),
    "monitoring list": ("--region", COUNTY),
    "plan list": ("--region", COUNTY),
    "posting list": ("--region", COUNTY),
    "round list": ("--region", COUNTY),
    "lookback list": ("--region", COUNTY),
    "cadre list": ("--region", COUNTY),
    "task list": ("--region", COUNTY),
    "fund accounts": ("--region", "43", "--year", YEAR),
    "fund payments": ("--region", COUNTY),
    "events tail": ("-n", "30"),
    "access list": ("--region", COUNTY),
    "access break-glass list": ("--region", COUNTY),
    "status": (),
    "verify": ("--service", "training"),
    "complaint list": ("--region", COUNTY),
    "message dead": ("--region", COUNTY),
    "village list": ("--region", COUNTY),
    "task burden": ("--region", COUNTY),
    "household links": (HOUSEHOLD,),
    "figures flows": ("--region", COUNTY, "--from", "2025-12-31", "--to", "2026-06-30"),
}
# Of these a county that was only just loaded may have none.
MAY_BE_EMPTY = {
    "access list",
    "access break-glass list",
    "complaint list",
    "fund payments",
    "household duplicates decisions",
    "household duplicates find",
    "household duplicates sweep",
    "household links",
    "lookback list",
    "message dead",
    "monitoring list",
    "posting list",
    "regions changes",
    "round list",
    "task burden",
    "task list",
    "village list",
}
# What gives one answer or none, or something that is no list of rows: by group.
_ANSWERS = {
    "access break-glass": "open review",
    "cadre": "appoint channels end-post leave link post show unlink",
    "complaint": "answer reveal show",
    "county": "apply approve check conclude designate draw finding post show",
    "demo": "",
    "events": "export",
    "exit": "agree announce appraise complete find post propose reinstate review withdraw wrong",
    "figures": "count deciles",
    "fund": "allocate appropriate assign commit pay",
    "household": (
        "announce apply appraise change correct correct-date declare-relative explain "
        "export head income join judge leave link merge move object objections "
        "override-fact post propose-removal prove-income record-fact register remove "
        "review show split unlink unmerge"
    ),
    "household duplicates": "not-same same undo",
    "import": "households",
    "lookback": "close find open show",
    "message": "resend",
    "monitoring": (
        "appraise check clear cover dismiss income post report review screen show start visit warn"
    ),
    "person": "erase find",
    "plan": "approve consent show",
    "posting": "show",
    "rebuild": "",
    "regions": "adopt show",
    "round": "close open",
    "run": "",
    "session": "complete schedule",
    "task": "assign cancel order reassign review trace",
    "template": "",
    "token": "",
    "village": "approve-exit designate object post-exit propose-exit settle state template",
}
ANSWERS = {
    f"{group} {word}".strip() for group, words in _ANSWERS.items() for word in words.split() or [""]
}
