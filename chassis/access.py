"""Who may do what where: signed tokens, and the rule that each rpc states in its contract."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from chassis.clock import MICROSECONDS, Clock, SystemClock
from chassis.decider import Actor
from chassis.succession import UNCHANGED, Succession
from tuopin.options.v1 import options_pb2 as options

ALGORITHM = "HS256"
ISSUER = "tuopin"
BEARER = "Bearer "
# Digits of a region code per level, nation to village.
REGION_LENGTHS = frozenset({0, 2, 4, 6, 9, 12})
ROLES = frozenset(
    {
        "operator",
        "service",
        "county-office",
        "township-office",
        "prefecture-office",
        "province-office",
        # The third party that visits a sample of households before a county exits.
        "assessor",
        "village-committee",
        "finance-office",
        "training-office",
        "cadre",
        # Takes personal data away in files; held beside a role, never part of one.
        "data-exporter",
    }
)
SECRET_MIN_BYTES = 32
TOKEN_MAX_LEN = 8_192
# Verified tokens kept in memory: one signature per caller, not per call.
CACHE_TOKENS = 1_024


class Unauthenticated(Exception):
    """It is not known who calls; the slug says what to mend."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug
        self.details: dict[str, str] = {}


class Forbidden(Exception):
    """The caller lacks a role, or has it elsewhere only; the details say what is missing."""

    def __init__(self, slug: str, *, role: str, region: str = "") -> None:
        super().__init__(f"{slug}: {role}@{region}")
        self.slug = slug
        self.role = role
        self.region = region
        self.details = {"role": role, "region": region}


class RuleMissing(Exception):
    """A method states no access rule, or one that cannot be kept: the server does not start."""


class Tokens:
    """Issues and verifies tokens; several secrets by key id let one be replaced without a stop."""

    def __init__(self, secrets: str | Mapping[str, str], *, clock: Clock | None = None) -> None:
        self._secrets = {"1": secrets} if isinstance(secrets, str) else dict(secrets)
        assert self._secrets, "at least one secret"
        for secret in self._secrets.values():
            assert len(secret.encode()) >= SECRET_MIN_BYTES, "a token secret has at least 32 bytes"
        # The last one signs; all of them verify.
        self._signing = list(self._secrets)[-1]
        self._clock = clock or SystemClock()
        self._verified: OrderedDict[str, tuple[Actor, int]] = OrderedDict()

    def issue(self, subject: str, roles: Iterable[str], ttl_s: float) -> str:
        """A token for roles written "role@region"; "role@" holds everywhere."""
        roles = list(roles)
        parse_roles(roles)
        now_s = self._clock.now_us() // MICROSECONDS
        claims = {
            "iss": ISSUER,
            "sub": subject,
            "roles": roles,
            "iat": now_s,
            "exp": now_s + int(ttl_s),
        }
        headers = {"kid": self._signing}
        return jwt.encode(claims, self._secrets[self._signing], ALGORITHM, headers=headers)

    def verify(self, token: str) -> Actor:
        """The actor a valid token names; Unauthenticated otherwise."""
        known = self._verified.get(token)
        if known is None:
            known = self._decoded(token)
            self._verified[token] = known
            while len(self._verified) > CACHE_TOKENS:
                self._verified.popitem(last=False)
        actor, expires_s = known
        if self._clock.now_us() >= expires_s * MICROSECONDS:
            self._verified.pop(token, None)
            raise Unauthenticated("token-expired")
        return actor

    def bearer(self, authorization: str | None) -> Actor:
        """The actor of an `authorization` header."""
        if not authorization:
            raise Unauthenticated("token-missing")
        if not authorization.startswith(BEARER):
            raise Unauthenticated("token-invalid")
        return self.verify(authorization[len(BEARER) :])

    def _decoded(self, token: str) -> tuple[Actor, int]:
        if len(token) > TOKEN_MAX_LEN:
            raise Unauthenticated("token-invalid")
        try:
            secret = self._secrets[jwt.get_unverified_header(token)["kid"]]
            # Our clock judges the expiry, below.
            claims: dict[str, Any] = jwt.decode(
                token,
                secret,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={
                    "require": ["sub", "exp", "iss"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            roles = parse_roles(claims.get("roles", ()))
            return Actor(subject=str(claims["sub"]), roles=roles), int(claims["exp"])
        except (jwt.PyJWTError, LookupError, ValueError, TypeError) as error:
            raise Unauthenticated("token-invalid") from error


def parse_roles(roles: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """{"county-office": ("433124",)} from ["county-office@433124"]; ValueError when malformed."""
    parsed: dict[str, tuple[str, ...]] = {}
    for written in roles:
        role, at, region = written.partition("@")
        if role not in ROLES or not at:
            raise ValueError(f"{written!r} is no role@region")
        if len(region) not in REGION_LENGTHS or (region and not region.isdecimal()):
            raise ValueError(f"{written!r} names no region code")
        parsed[role] = (*parsed.get(role, ()), region)
    return parsed


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call one method: the contract's option, read once."""

    method: str
    roles: tuple[str, ...]
    # Path of the request field with the region; empty: the region of the stream, known later.
    region_path: tuple[str, ...]
    anywhere: bool
    # What old codes mean today.
    succession: Succession = UNCHANGED


def rules(service: ServiceDescriptor, succession: Succession = UNCHANGED) -> dict[str, Rule]:
    """Rule of each method by its gRPC path; RuleMissing names the methods without a sound one."""
    found: dict[str, Rule] = {}
    missing: list[str] = []
    for method in service.methods:
        rule = _rule(method, succession)
        if rule is None:
            missing.append(method.full_name)
        else:
            found[f"/{service.full_name}/{method.name}"] = rule
    if missing:
        raise RuleMissing(", ".join(missing))
    return found


def _rule(method: MethodDescriptor, succession: Succession) -> Rule | None:
    stated = method.GetOptions()
    if not stated.HasExtension(options.access):
        return None
    access = stated.Extensions[options.access]
    path = tuple(access.region.split(".")) if access.region else ()
    if not access.roles or not set(access.roles) <= ROLES or (path and access.anywhere):
        return None
    kind = method.input_type
    for ordinal, name in enumerate(path):
        each = kind.fields_by_name.get(name)
        last = ordinal == len(path) - 1
        if each is None or (each.message_type is None) != last:
            return None
        if each.message_type is not None:
            kind = each.message_type
    return Rule(method.full_name, tuple(access.roles), path, access.anywhere, succession)


def regions_of(rule: Rule, request: Message) -> set[str] | None:
    """Every region the request names; None when the rule leaves the region to the stream."""
    if not rule.region_path:
        return None
    held: list[Any] = [request]
    for name in rule.region_path:
        values = [getattr(each, name) for each in held]
        # A repeated field holds parts; a single one is the part.
        held = [
            part
            for value in values
            for part in ([value] if isinstance(value, (str, Message)) else value)
        ]
    return set(held)


def covers(role_region: str, region: str) -> bool:
    """A region covers itself and everything below: its code is the beginning of theirs."""
    return region.startswith(role_region)


def allowed(rule: Rule, actor: Actor, region: str | None = None) -> None:
    """Raise Forbidden unless one of the actor's roles does; without region only the role counts."""
    held = [role for role in rule.roles if role in actor.roles]
    wanted = "|".join(rule.roles)
    if not held:
        raise Forbidden("role-missing", role=wanted, region=region or "")
    if rule.anywhere or region is None:
        return
    own = (each for role in held for each in actor.roles[role])
    if rule.succession:
        region = rule.succession.current(region)
        own = (each for code in own for each in rule.succession.held(code))
    if not any(covers(each, region) for each in own):
        raise Forbidden("region-missing", role="|".join(held), region=region)


def allowed_request(rule: Rule, actor: Actor, request: Message) -> None:
    """The check before anything is read: role, and every region that the request names."""
    regions = regions_of(rule, request)
    if not regions:
        # An empty list of commands is refused by its field rule.
        allowed(rule, actor)
        return
    for region in sorted(regions):
        allowed(rule, actor, region)


def region_check(rule: Rule, actor: Actor) -> Callable[[str], None] | None:
    """What the handler calls with the region of the stream; None when the request named it."""
    if rule.anywhere or rule.region_path:
        return None
    return lambda region: allowed(rule, actor, region)


def all_rules(services: Sequence[ServiceDescriptor]) -> dict[str, Rule]:
    """The rules of several services in one table."""
    return {path: rule for service in services for path, rule in rules(service).items()}
