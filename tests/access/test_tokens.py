from datetime import UTC, datetime

import jwt
import pytest

from chassis.access import (
    ALGORITHM,
    CACHE_TOKENS,
    ISSUER,
    TOKEN_MAX_LEN,
    Tokens,
    Unauthenticated,
    parse_roles,
)
from chassis.clock import ManualClock
from chassis.decider import Actor

SECRET = "0123456789abcdef" * 2
HOUR_S = 3600


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2020, 3, 2, tzinfo=UTC))


@pytest.fixture
def tokens(clock: ManualClock) -> Tokens:
    return Tokens(SECRET, clock=clock)


def slug_of(tokens: Tokens, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        tokens.verify(token)
    return refused.value.slug


def forged(secret: str = SECRET, algorithm: str = ALGORITHM, **claims: object) -> str:
    whole = {"iss": ISSUER, "sub": "mallory", "exp": 4_000_000_000, "roles": ["operator@"]}
    whole |= claims
    payload = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(payload, secret, algorithm, headers={"kid": "1"})


def test_a_token_gives_back_subject_and_roles(tokens: Tokens) -> None:
    token = tokens.issue("li", ["county-office@433124", "county-office@433125", "cadre@"], HOUR_S)
    expected = Actor("li", {"county-office": ("433124", "433125"), "cadre": ("",)})
    assert tokens.verify(token) == expected
    assert tokens.bearer(f"Bearer {token}") == expected


def test_no_token_and_no_bearer_are_told_apart(tokens: Tokens) -> None:
    for header, slug in ((None, "token-missing"), ("", "token-missing"), ("x", "token-invalid")):
        with pytest.raises(Unauthenticated) as refused:
            tokens.bearer(header)
        assert refused.value.slug == slug


async def test_a_token_expires_even_when_it_was_just_verified(
    tokens: Tokens, clock: ManualClock
) -> None:
    token = tokens.issue("li", ["operator@"], HOUR_S)
    tokens.verify(token)
    await clock.advance(HOUR_S - 1)
    tokens.verify(token)
    await clock.advance(1)
    assert slug_of(tokens, token) == "token-expired"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "x" * (TOKEN_MAX_LEN + 1),
        forged(secret="another secret that is long enough, by far, to be one of ours, it"),
        forged(secret=SECRET * 2, algorithm="HS512"),
        forged(iss="somebody"),
        forged(sub=None),
        forged(exp=None),
        forged(roles=["king@"]),
        forged(roles=["operator"]),
        forged(roles=["operator@43312"]),
        forged(roles=7),
        jwt.encode({"sub": "mallory"}, "", "none", headers={"kid": "1"}),
        jwt.encode({"sub": "mallory"}, SECRET, ALGORITHM, headers={"kid": "2"}),
        jwt.encode({"sub": "mallory"}, SECRET, ALGORITHM),
    ],
)
def test_what_we_did_not_sign_so_is_invalid(tokens: Tokens, token: str) -> None:
    assert slug_of(tokens, token) == "token-invalid"


def test_a_changed_token_is_invalid(tokens: Tokens) -> None:
    head, body, signature = tokens.issue("li", ["operator@"], HOUR_S).split(".")
    other = tokens.issue("wang", ["operator@"], HOUR_S).split(".")[1]
    assert slug_of(tokens, f"{head}.{other}.{signature}") == "token-invalid"
    assert slug_of(tokens, f"{head}.{body}.") == "token-invalid"


def test_a_new_secret_signs_while_the_old_one_still_verifies(clock: ManualClock) -> None:
    old = Tokens({"2025": SECRET}, clock=clock)
    both = Tokens({"2025": SECRET, "2026": SECRET[::-1]}, clock=clock)
    new = Tokens({"2026": SECRET[::-1]}, clock=clock)
    by_old = old.issue("li", ["operator@"], HOUR_S)
    by_both = both.issue("li", ["operator@"], HOUR_S)

    assert both.verify(by_old) == both.verify(by_both) == new.verify(by_both)
    assert slug_of(new, by_old) == "token-invalid"


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(AssertionError):
        Tokens("secret")


def test_a_role_that_does_not_exist_is_not_issued(tokens: Tokens) -> None:
    with pytest.raises(ValueError, match="king"):
        tokens.issue("li", ["king@"], HOUR_S)


def test_roles_of_one_kind_add_up() -> None:
    assert parse_roles(["cadre@43", "cadre@4331"]) == {"cadre": ("43", "4331")}


def test_the_memory_of_verified_tokens_is_bounded(tokens: Tokens) -> None:
    for number in range(CACHE_TOKENS + 10):
        tokens.verify(tokens.issue(f"li{number}", ["operator@"], HOUR_S))
    assert len(tokens._verified) == CACHE_TOKENS
