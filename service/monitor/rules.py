"""The stopping rules of the policy, judged on what users answered."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from service.monitor.calls import Answer
from service.policy_stopping import Stopping

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What a rule says of one client.

    Attributes
    ----------
    rule : str
        ``overridden`` or ``not-applicable``.
    client : str
        Whose users.
    is_met : bool or None
        Whether the advice is to be stopped; None while too few cards were answered.
    count, answered, needed : int
        Cards that count against it, among so many answered; how many are needed.
    limit : float
        Share above which the rule is met.
    """

    rule: str
    client: str
    is_met: bool | None
    count: int
    answered: int
    needed: int
    limit: float


def judge(answers: Sequence[Answer], rules: Stopping) -> list[Verdict]:
    """
    Judge the rules for each client over its last answered cards.

    Parameters
    ----------
    answers : sequence of Answer
        One for each answered card. Cards without an answer are no part of it.
    rules : Stopping
        The policy's rules.

    Returns
    -------
    list of Verdict
        Two for each client that answered, by client.
    """
    by_client: dict[str, list[Answer]] = defaultdict(list)
    for answer in sorted(answers, key=lambda each: each.at):
        by_client[answer.client].append(answer)
    verdicts = []
    for client, own in sorted(by_client.items()):
        last = own[-rules.answered_cards :]
        overridden = [each for each in last if each.outcome == "overridden"]
        wrong = [
            each
            for each in overridden
            if rules.not_applicable_reasons.intersection(each.reasons)
        ]
        for rule, against, limit in (
            ("overridden", overridden, rules.overridden_share),
            ("not-applicable", wrong, rules.not_applicable_share),
        ):
            counted = len(against), len(last), rules.answered_cards
            met = None if len(last) < counted[2] else counted[0] / counted[1] > limit
            verdicts.append(Verdict(rule, client, met, *counted, limit))
    return verdicts
