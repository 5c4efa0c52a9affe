import pytest

from clearhead.core.errors import SettingError
from clearhead.study.settings import BuildSettings, ServerSettings


def test_the_consent_text_says_what_is_recorded():
    plain, more = ServerSettings(), ServerSettings(platform=True, timing=True)
    assert "time you take is not recorded" in plain.consent_text
    assert "participant number" not in plain.consent_text
    assert "How long you take" in more.consent_text
    assert "participant number in your link is kept" in more.consent_text
    assert plain.consent_version != more.consent_version
    assert "{" not in plain.consent_text + more.consent_text


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"hosts": ("study.lan",)}, "http://study.lan:8000"),
        ({"hosts": ("study.example.org",), "https": True}, "https://study.example.org"),
        ({"https": True}, "https://127.0.0.1:8000"),
    ],
)
def test_links_lead_where_people_reach_the_server(settings, address):
    assert ServerSettings(**settings).address("127.0.0.1", 8000) == address


@pytest.mark.parametrize("settings", [{"tasks": 0}, {"answers": 0}, {"repeats": -1}])
def test_a_study_of_nothing_is_refused(settings):
    with pytest.raises(SettingError, match="at least one"):
        BuildSettings(**settings)


def test_a_completion_address_is_a_web_address():
    with pytest.raises(SettingError, match="web address"):
        ServerSettings(completion_url="javascript:alert(1)")
