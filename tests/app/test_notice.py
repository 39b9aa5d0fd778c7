"""The card that says that the advice is switched off."""

from cds_hooks import Capabilities, Client, HookRequest
from service.notice import OffNotice

NOTICE = OffNotice(
    public_url="https://cds.example.org",
    canonical_base="https://fhir.example.org",
    secret_key=b"correct-horse-battery-staple-0001",
)


def notice(encounter="e1", **capabilities):
    """The card for one patient's stay, as a client gets it."""
    client = Client("north", capabilities=Capabilities(**capabilities))
    context = {
        "userId": "Practitioner/1",
        "patientId": "p1",
        "encounterId": encounter,
    }
    return NOTICE(
        HookRequest(
            hook="encounter-discharge",
            hook_instance="h",
            context=context,
            client=client,
        )
    )


def test_the_summary_says_all_that_matters():
    """Some clients show nothing else."""
    card = notice(detail="none")
    assert card.detail is None
    for needed in ("switched off", "not assessed", "does not mean no risk"):
        assert needed in card.summary


def test_the_detail_sends_red_flags_ahead_of_the_nerve():
    """As the advice itself does."""
    detail = notice().detail
    assert detail.index("infection") < detail.index("tender point")


def test_it_is_the_same_card_in_chinese():
    """In other words, which say no less."""
    chinese = OffNotice(
        public_url="https://cds.example.org",
        canonical_base="https://fhir.example.org",
        secret_key=b"correct-horse-battery-staple-0001",
        language="zh-Hans",
    )
    context = {"userId": "Practitioner/1", "patientId": "p1", "encounterId": "e1"}
    card = chinese(HookRequest("encounter-discharge", "h", context))
    assert card.uuid == notice().uuid
    for needed in ("已停用", "未对该患者进行评估", "不代表没有风险"):
        assert needed in card.summary


def test_it_is_one_card_for_a_stay():
    """Whatever the client makes of it; another stay has its own."""
    assert notice().uuid == notice(detail="plain").uuid != notice("e2").uuid
