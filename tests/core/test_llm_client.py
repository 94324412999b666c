"""The client of language models: what it sends, when it asks again, when it gives up, what it keeps."""

from __future__ import annotations

import base64
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO

import pytest
from PIL import Image

from fieldglass.errors import EndpointError, UsageError
from fieldglass.llm import LanguageModel, Price, Usage, kept, total
from fieldglass.llm.answers import read_answer
from fieldglass.llm.endpoint import Endpoint
from fieldglass.llm.retry import passing, pause, wanted_pause
from llm_server import (
    CUT,
    DRIP,
    ENDLESS,
    HANG_UP,
    HTML,
    NOT_HTTP,
    NULL_JSON,
    NUMBER,
    WRONG_JSON,
    closed_port,
    completion,
    raw,
    serving,
    slow,
    status,
)  # fmt: skip

SECRET = "sk-very-secret"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FIELDGLASS_LLM_KEY", SECRET)
    for name in ("FIELDGLASS_LLM_URL", "FIELDGLASS_LLM_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


def model(server, **options):
    url = server if isinstance(server, str) else server.url
    return LanguageModel(url, "small", **{"pause_s": 0.01, "timeout_s": 5.0, **options})


def jpeg(colour="red"):
    out = BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "JPEG")
    return out.getvalue()


def test_words_go_as_they_are_and_answers_come_with_their_tokens():
    with serving("  blue \n") as server:
        asking = model(server)
        found = asking.ask("Which colour?", system="One word.", max_tokens=5)
    ((path, key, asked),) = server.asked
    assert (found.text, found.tokens_in, found.tokens_out, found.kept) == ("blue", 100, 10, False)
    assert (path, key) == ("/v1/chat/completions", f"Bearer {SECRET}")
    assert asked == {
        "model": "small",
        "temperature": 0.0,
        "max_tokens": 5,
        "messages": [{"role": "system", "content": "One word."}, {"role": "user", "content": "Which colour?"}],
    }
    assert (asking.usage.asked, asking.usage.tokens_in, asking.usage.tokens_out) == (1, 100, 10)


def test_pictures_go_as_data_addresses_in_their_order():
    with serving("red") as server:
        model(server).ask(["First:", jpeg(), "Second:", jpeg("blue")])
        with pytest.raises(UsageError, match="JPEG, PNG, WebP or GIF"):
            model(server).ask([b"%PDF-1.4"])
    parts = server.asked[0][2]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "text", "image_url"]
    head, _, data = parts[3]["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64" and base64.b64decode(data) == jpeg("blue")


def test_an_answer_is_kept_by_all_that_was_asked_and_never_by_the_key(home, monkeypatch):
    with serving("one", "two", "three", "four") as server:
        assert model(server).ask("a").text == "one"
        again = model(server).ask("a")
        assert (again.text, again.kept) == ("one", True)
        monkeypatch.setenv("FIELDGLASS_LLM_KEY", "another")
        assert model(server).ask("a").text == "one"
        assert model(server).ask(["a", jpeg()]).text == "two"
        assert model(server).ask(["a", jpeg("blue")]).text == "three"
        assert model(server).ask("a", keep=False).text == "four"
        assert len(server.asked) == 4
    files = [path for path in home.rglob("*") if path.is_file()]
    assert len(files) == 3 == kept.size()[0] and kept.size()[1] == sum(path.stat().st_size for path in files)
    assert not [path for path in files if SECRET in path.read_text() or path.stat().st_mode & 0o077]
    assert kept.forget() == 3 and kept.size() == (0, 0)


def test_a_damaged_kept_answer_is_asked_for_again(home):
    with serving("one", "two") as server:
        model(server).ask("a")
        for content in (b"", b'{"text": 3}', b"\xff\xfe", b"[" * 100_000):
            (kept_file,) = home.rglob("*.json")
            kept_file.write_bytes(content)
            assert model(server).ask("a").text == "two"


def test_threads_that_ask_the_same_pay_once():
    with serving(lambda asked: time.sleep(0.2) or "one") as server:
        asking = model(server)
        found = []
        threads = [threading.Thread(target=lambda: found.append(asking.ask("a").text)) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert found == ["one"] * 8 and len(server.asked) == 1
        assert (asking.usage.asked, asking.usage.kept) == (8, 7)


@pytest.mark.parametrize(
    "bad", [HANG_UP, HTML, WRONG_JSON, NULL_JSON, NUMBER, NOT_HTTP, CUT, ENDLESS, status(500), status(503), status(429)]
)
def test_what_passes_is_asked_again(bad):
    with serving(bad, "fine") as server:
        asking = model(server)
        assert asking.ask("a").text == "fine"
        assert len(server.asked) == 2 and asking.usage.failed == 1


@pytest.mark.parametrize("code", [400, 401, 403, 404, 422])
def test_what_does_not_pass_is_not_asked_again(code):
    with serving(status(code, f"Incorrect key {SECRET}\n\x1b[31m" + 1000 * "x")) as server:
        with pytest.raises(EndpointError, match=f"status {code}, Incorrect key ") as error:
            model(server).ask("a")
        assert len(server.asked) == 1
    assert SECRET not in str(error.value) and "\x1b" not in str(error.value) and len(str(error.value)) < 600


def test_redirects_are_not_followed():
    with serving("elsewhere") as other, serving(raw(b"", 307, Location=other.url)) as server:
        with pytest.raises(EndpointError, match="status 307") as error:
            model(server).ask("a")
        assert not other.asked and "redirects" in error.value.hint


def test_retry_after_is_obeyed_unless_it_is_too_late():
    with serving(status(429, Retry_After="1"), "fine") as server:
        started = time.monotonic()
        assert model(server).ask("a").text == "fine"
        assert time.monotonic() - started >= 1
    with serving(status(429, Retry_After="3600"), "fine") as server:
        started = time.monotonic()
        with pytest.raises(EndpointError, match="status 429"):
            model(server).ask("a")
        assert time.monotonic() - started < 2 and len(server.asked) == 1


@pytest.mark.parametrize("bad", [slow(3), DRIP])
def test_one_request_has_its_time_and_a_question_too(bad):
    with serving(bad) as server:
        started = time.monotonic()
        with pytest.raises(EndpointError, match=r"no whole answer within 0\.3 s"):
            model(server, timeout_s=0.3, attempts=2).ask("a")
        assert len(server.asked) == 2 and time.monotonic() - started < 2
    with serving(bad) as server:
        started = time.monotonic()
        with pytest.raises(EndpointError):
            model(server, timeout_s=5, limit_s=0.4).ask("a")
        assert time.monotonic() - started < 1.5


def test_an_endpoint_that_is_down_is_told_and_then_left_alone():
    asking = model(closed_port())
    with pytest.raises(EndpointError, match="connection refused") as error:
        asking.ask("a")
    assert "fieldglass llm check" in error.value.hint and isinstance(error.value, OSError)
    started = time.monotonic()
    with pytest.raises(EndpointError, match="connection refused"):
        asking.ask("b")
    assert time.monotonic() - started < 0.005 and asking.usage.failed == 3


def test_an_answer_that_cannot_be_used_is_asked_for_again_and_not_kept():
    with serving("prose", "still prose", "[1]", "prose") as server:
        assert model(server).ask("a", accept=lambda text: "[" in text).text == "[1]"
        assert model(server).ask("a", accept=lambda text: "[" in text).kept
        assert model(server).ask("b", accept=lambda text: "[" in text).text == "prose"
        assert len(server.asked) == 6
        assert not model(server).ask("b").kept
    with serving(raw(completion("half", finish_reason="length"))) as server:
        assert model(server).ask("c").truncated and not model(server).ask("c").kept


def test_a_model_of_the_newer_dialect_is_asked_in_it():
    def strict(asked):
        return "yes" if "max_completion_tokens" in asked and "temperature" not in asked else "no"

    refusals = (
        status(400, "'max_tokens' is not supported. Use 'max_completion_tokens'."),
        status(400, "'temperature' does not support 0.0 with this model."),
    )
    with serving(*refusals, strict) as server:
        asking = model(server)
        assert asking.ask("a", max_tokens=9).text == "yes" == asking.ask("b").text
        assert len(server.asked) == 4 and server.asked[1][2]["max_completion_tokens"] == 9


def test_thinking_and_parts_are_read():
    assert read_answer(completion("<think>\n[1, 2]\n</think>\n[2, 1]")).text == "[2, 1]"
    assert read_answer(completion("<think> never ends")).text == ""
    assert read_answer(completion([{"type": "text", "text": "a"}, {"type": "x"}])).text == "a"
    assert read_answer(completion(None)).text == ""
    assert read_answer(b'{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":-1}}').tokens_in == 0
    for bad in (b"[" * 100_000, b"", b"\xff", b'{"choices":{}}', b'{"choices":[3]}'):
        with pytest.raises(ValueError):
            read_answer(bad)


@pytest.mark.parametrize(
    "url",
    ["ftp://a/v1", "file:///etc/passwd", "a:80", "", "http://", "http://user:pass@a/v1", "http://a/v1?key=x",
     "http://a/v1#x", "http://a b/v1", "http://a/v1\r\nX: y", "http://[::1", "http://a:99999/v1"],
)  # fmt: skip
def test_addresses_that_are_refused(url):
    with pytest.raises(UsageError) as error:
        LanguageModel(url, "small")
    assert "pass" not in error.value.message.replace("passwd", "")


def test_addresses_are_taken_apart():
    found = Endpoint.parse(" HTTPS://API.example.org/v1/chat/completions/ ")
    assert (found.secure, found.host, found.port, found.path) == (True, "api.example.org", 443, "/v1")
    local = ["http://localhost:1/v1", "http://127.8.0.1", "http://[::1]:8080/v1"]
    assert all(Endpoint.parse(url).local for url in local)
    far = ["http://10.0.0.1", "http://localhost.example.org", "http://0.0.0.0", "https://example.org"]
    assert not any(Endpoint.parse(url).local for url in far)


def test_address_and_model_come_from_the_environment_too(monkeypatch):
    with pytest.raises(UsageError, match="both an address and a name") as error:
        LanguageModel("http://localhost:1")
    assert "FIELDGLASS_LLM_MODEL" in error.value.hint
    monkeypatch.setenv("FIELDGLASS_LLM_URL", "http://localhost:1/v1")
    monkeypatch.setenv("FIELDGLASS_LLM_MODEL", "small")
    assert (LanguageModel().url, LanguageModel().model, LanguageModel().local) == (
        "http://localhost:1/v1",
        "small",
        True,
    )


def test_a_key_that_is_none_is_refused_without_being_told(monkeypatch):
    monkeypatch.setenv("FIELDGLASS_LLM_KEY", "two words")
    with serving("a") as server, pytest.raises(UsageError, match="FIELDGLASS_LLM_KEY") as error:
        model(server).ask("a")
    assert "two words" not in str(error.value)


def test_a_proxy_is_for_other_machines_alone(monkeypatch):
    with serving("by the proxy") as proxy, serving("straight") as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert model(server).ask("a").text == "straight"
        assert model("http://models.example.org/v1").ask("a").text == "by the proxy"
        assert proxy.asked[0][0] == "http://models.example.org/v1/chat/completions"


def test_pauses_grow_and_are_bounded():
    assert all(0.5 * 2**n <= pause(n, 1.0) <= 2**n for n in range(4) for _ in range(50))
    assert pause(60, 1.0) <= 30
    assert passing(429) and passing(502) and not passing(401)
    assert wanted_pause("7") == 7 and wanted_pause("") is None and wanted_pause("soon") is None
    assert 50 < wanted_pause(format_datetime(datetime.now(UTC) + timedelta(seconds=60))) <= 60
    assert wanted_pause("Wed, 21 Oct 2015 07:28:00 GMT") == 0


def test_what_it_cost():
    price = Price.parse("0.5,2")
    used = Usage(3, 1, 0, 2_000_000, 500_000, 1.5)
    assert used.cost(price) == 2.0
    assert (
        used.report(price)
        == "3 questions, 1 of them kept from before, 2000000 tokens in, 500000 out, 1.5 s, cost 2.0000"
    )
    assert used.since(Usage(1, 1, 0, 1)) == Usage(2, 0, 0, 1_999_999, 500_000, 1.5)
    for bad in ("", "1", "1,2,3", "a,b", "-1,2", "nan,1", "inf,1"):
        with pytest.raises(UsageError):
            Price.parse(bad)
    before = total()
    with serving("a") as server:
        model(server).ask("a")
    assert total().since(before).tokens_in == 100
