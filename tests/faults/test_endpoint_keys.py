"""Keys: sent only where the user confirmed it, and never shown or stored."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from endpoint_cases import (
    BAD,
    KEY,
    SAMPLING,
    Hostile,
    Scripted,
    body,
    collected,
    only_for_bad,
    raw,
    teacher_of,
)

from smallsteps.errors import UNAVAILABLE, UserError
from smallsteps.teachers import Status
from smallsteps.teachers.batch import BatchTeacher
from smallsteps.teachers.keys import NO_KEY, confirm, hide_key, host_of, key_for, redact, trusted_file
from smallsteps.teachers.spec import OpenAISpec

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("REL_KEY", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-secret-0123456789")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def spec_of(url: str | None, key_env: str = "OPENAI_API_KEY", **changes: Any) -> OpenAISpec:
    return OpenAISpec(kind="openai", model="m", base_url=url, key_env=key_env, **changes)


def unstored(folder: Path, secret: str = KEY) -> bool:
    return not [p for p in folder.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]


def test_a_recipe_cannot_send_a_variable_to_a_host_of_its_choice(tmp_path: Path) -> None:
    """`key_env: AWS_SECRET_ACCESS_KEY` with the recipe's own `base_url` sent it there."""
    with Hostile() as server:
        teacher = teacher_of(server, key_env="AWS_SECRET_ACCESS_KEY")
        with pytest.raises(
            UserError, match=r"would be sent to 127.0.0.1:[0-9]+, which you have not"
        ) as caught:
            collected(teacher, tmp_path / "s")
        assert not server.times
        host = host_of(server.url)
        assert f"smallsteps teach --allow-key 'AWS_SECRET_ACCESS_KEY={host}'" in str(caught.value)
        batch = BatchTeacher(spec_of(server.url, "AWS_SECRET_ACCESS_KEY", batch=True))
        with pytest.raises(UserError, match="which you have not confirmed"):
            batch.answer([], lambda rows: None)
        assert not server.times
        confirm(f"AWS_SECRET_ACCESS_KEY={host}")
        collected(teacher, tmp_path / "s")
        assert set(server.keys) == {"Bearer aws-secret-0123456789"}
        with pytest.raises(UserError, match="not confirmed"):  # the pair, not the host, is confirmed
            key_for(spec_of(server.url, "REL_KEY"))


def test_the_pair_is_key_and_host_with_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert key_for(spec_of(None)) == KEY
    assert key_for(spec_of("https://api.openai.com/v1")) == KEY
    for url in (
        "http://api.openai.com/v1",
        "https://api.openai.com:8443/v1",
        "https://api.openai.com.evil.example/v1",
        "https://evil.example/api.openai.com",
    ):
        with pytest.raises(UserError, match="not confirmed"):
            key_for(spec_of(url))
    confirm("OPENAI_API_KEY=proxy.example:8443")
    assert key_for(spec_of("https://proxy.example:8443/v1")) == KEY
    with pytest.raises(UserError, match="not confirmed"):
        key_for(spec_of("http://proxy.example:8443/v1"))
    assert trusted_file().stat().st_size > 0


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com@evil.example/v1",
        "https://api.openai.com\\@evil.example/v1",
        "https://api.openai.com\t.evil.example/v1",
        "https://аpi.openai.com/v1",
        "file:///etc/passwd",
        "api.openai.com",
        "https://",
        "https://host:99999999/v1",
        "https://[::1/v1",
    ],
)
def test_addresses_that_are_read_in_two_ways_are_refused(url: str) -> None:
    with pytest.raises(UserError, match="is not the address of an endpoint"):
        host_of(url)


def test_a_server_of_ones_own_is_sent_no_key_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Hostile() as server:
        collected(teacher_of(server), tmp_path / "s")
        assert set(server.keys) == {f"Bearer {NO_KEY}"}
    with Hostile(key=KEY) as server:
        with pytest.raises(UserError, match="wants a key, and none was sent") as caught:
            collected(teacher_of(server), tmp_path / "t")
        assert f"--allow-key 'OPENAI_API_KEY={host_of(server.url)}'" in str(caught.value)
        confirm(f"OPENAI_API_KEY={host_of(server.url)}")
        assert len(collected(teacher_of(server), tmp_path / "t")) == 6


def test_other_secrets_of_the_environment_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client reads organisation, project, an administrator's key and further headers by itself."""
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "secret-of-mine")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Token: secret-of-mine")
    with Hostile() as server:
        collected(teacher_of(server), tmp_path / "s")
        assert server.heads
        assert "secret-of-mine" not in str(server.heads)


def test_a_damaged_settings_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    trusted_file().parent.mkdir(parents=True)
    trusted_file().write_text("schema: smallsteps.trusted_endpoints/1\ntrusted: {key: x}\n")
    with pytest.raises(UserError, match=r"trusted_endpoints.yaml:2"):
        key_for(spec_of("https://evil.example/v1", "REL_KEY"))
    for bad in ("REL_KEY", "=x", "REL-KEY=x", "REL_KEY=", "REL_KEY=a b", "REL_KEY=ftp://x"):
        with pytest.raises(UserError):
            confirm(bad)


ECHOES = {
    "whole": KEY,
    "Bearer": f"Bearer {KEY}",
    "at the cut": "z" * 490 + KEY,
    "Base64": base64.b64encode(KEY.encode()).decode(),
    "a gap in it": f"{KEY[:10]}...{KEY[12:]}",
    "its end": KEY[-9:],
}


@pytest.mark.parametrize("name", ECHOES)
@pytest.mark.parametrize("status", [200, 400, 401])
def test_errors_never_show_the_key(tmp_path: Path, name: str, status: int) -> None:
    """Messages were cut first and searched for the key then: its first ten characters were left."""
    case = ECHOES[name].encode() if status == 200 else {"error": {"message": ECHOES[name]}}
    with Hostile(script=only_for_bad(case, status)) as server:
        confirm(f"REL_KEY={server.url}")
        teacher = teacher_of(server, key_env="REL_KEY")
        said = ""
        try:
            rows = collected(teacher, tmp_path / "s")
            said = rows[BAD].error
        except UserError as error:
            said = "".join(map(str, (error, error.__cause__, error.__context__)))
        assert "[key]" in said or name == "at the cut"
    grams = [KEY[i : i + 8] for i in range(len(KEY) - 8 + 1)]
    assert not [gram for gram in grams if gram in said], said
    assert unstored(tmp_path, KEY[4:14])


def test_an_answer_that_repeats_the_key_is_stored_without_it(tmp_path: Path) -> None:
    text = f"your key is {KEY}, I think. The answer is 5."
    tokens = [{"token": KEY[i : i + 3], "logprob": -1.0, "top_logprobs": []} for i in range(0, len(KEY), 3)]
    with Hostile(script=only_for_bad(body(text, id=KEY, model=f"m-{KEY}"))) as server:
        confirm(f"REL_KEY={server.url}")
        teacher = teacher_of(server, key_env="REL_KEY")
        rows = collected(teacher, tmp_path / "s")
        assert rows[BAD].text == "your key is [key], I think. The answer is 5."
        assert rows[BAD].extra["keys_hidden"] == 1
        assert "the endpoint's texts repeated the key 1 time: stored as [key]" in teacher.notices
        choice = {**body()["choices"][0], "logprobs": {"content": tokens}}
        server.script = lambda asked, number: Scripted(raw(body(choices=[choice])))
        with pytest.raises(UserError, match="the log-probabilities repeat the key"):
            collected(teacher, tmp_path / "t", sampling=SAMPLING.model_copy(update={"logprobs": 1}))
    assert unstored(tmp_path)


def test_redaction_leaves_other_texts_alone() -> None:
    assert redact("Incorrect API key provided: none", KEY) == "Incorrect API key provided: none"
    assert hide_key("A key is no lock. " * 100, KEY) == ("A key is no lock. " * 100, 0)
    assert hide_key("none of them", NO_KEY) == ("none of them", 0)
    assert redact("sk-abcdef0123456789 leaked", "other") == "[key] leaked"
    assert redact("a\x1b]0;x\x07b", KEY) == "a\\u001b]0;x\\u0007b"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_to_another_host_are_refused(tmp_path: Path, status: int) -> None:
    """They took the prompts along."""
    with Hostile() as other, Hostile() as server:
        for place in (
            f"http://localhost:{server.port}/v1/chat/completions",
            other.url,
            "https://evil.example/v1",
            "file:///etc/passwd",
            "//evil.example/v1",
        ):
            headers = {"location": place}
            server.script = lambda asked, number, headers=headers: Scripted(b"", status, headers)
            with pytest.raises(UserError, match=r"redirects|connection failed|gives no usable") as caught:
                collected(teacher_of(server), tmp_path / "s", 1)
            assert "evil.example" in str(caught.value) or "evil" not in place
        assert not other.times


def test_redirects_on_the_same_host_are_followed(tmp_path: Path) -> None:
    with Hostile() as server:

        def script(asked: dict[str, Any], number: int) -> Scripted | None:
            return Scripted(b"", 307, {"location": f"{server.url}/chat/completions"}) if number == 1 else None

        server.script = script
        assert [row.status for row in collected(teacher_of(server), tmp_path / "s", 2)] == [Status.OK] * 2
        server.script = lambda asked, number: Scripted(b"", 307, {"location": "/v1/chat/completions"})
        with pytest.raises(UserError, match="redirects in circles") as caught:
            collected(teacher_of(server), tmp_path / "t", 2)
        assert caught.value.code != UNAVAILABLE
