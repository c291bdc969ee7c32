"""A server's no, made by hand."""

import grpc

from chassis.client import PROBLEM_TRAILER
from tuopin.errors.v1.errors_pb2 import Problem


class Refusal(grpc.RpcError):
    """What grpc raises for an answer that is not OK; without a slug it carries no Problem."""

    def __init__(self, status: str, slug: str = "", field: str = "", sentence: str = "") -> None:
        super().__init__(status)
        self._status = grpc.StatusCode[status]
        self._problem = Problem(slug=slug, field=field, sentence=sentence) if slug else None

    def code(self) -> grpc.StatusCode:
        return self._status

    def details(self) -> str:
        return "connection refused"

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        if self._problem is None:
            return ()
        return ((PROBLEM_TRAILER, self._problem.SerializeToString()),)
