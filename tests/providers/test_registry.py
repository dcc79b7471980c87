"""Providers are found by name and built late; what cannot be asked says why by the name of what is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from labmodels.config.schema.language_model import Credentials, LanguageModel, LocalWeights
from labmodels.errors import Usage
from labmodels.providers.protocol import Message, ProviderFault, Request
from labmodels.providers.registry import availability, build, unavailable

REQUEST = Request((Message("user", "hello"),))


def model(provider: str, **settings) -> LanguageModel:
    return LanguageModel(name="m", provider=provider, model="x", context_tokens=1000, **settings)


@pytest.mark.parametrize(
    ("declared", "environ", "reason"),
    [
        (model("openai"), {}, "OPENAI_API_KEY is not set"),
        (model("openai"), {"OPENAI_API_KEY": "k"}, None),
        (model("openai"), {"OPENAI_BASE_URL": "http://127.0.0.1:1"}, None),
        (model("openai", credentials=Credentials(api_key="env:LAB_KEY")), {"OPENAI_API_KEY": "k"}, "LAB_KEY is not set"),
        (model("anthropic"), {}, "ANTHROPIC_API_KEY is not set"),
        (model("anthropic", base_url="http://127.0.0.1:1"), {}, None),
        (model("llama_cpp"), {}, "it has neither weights nor a base_url"),
        (model("llama_cpp", base_url="env:LOCAL_LLM_BASE_URL"), {}, "LOCAL_LLM_BASE_URL is not set"),
        (model("llama_cpp", base_url="env:LOCAL_LLM_BASE_URL"), {"LOCAL_LLM_BASE_URL": "http://127.0.0.1:1"}, None),
        (model("elsewhere"), {}, "no installed package brings the provider elsewhere"),
    ],
)
def test_a_model_that_cannot_be_asked_says_what_is_missing(declared, environ, reason):
    assert availability(declared, environ) == reason


def test_weights_are_loaded_here_and_their_file_must_be_there(tmp_path):
    file = tmp_path / "tiny.gguf"
    absent = f"the file {file} is not there: labmodels models pull"
    by_path = model("llama_cpp", weights=LocalWeights(gguf=str(file)))
    by_variable = model("llama_cpp", weights=LocalWeights(gguf="env:TINY"))
    assert availability(by_variable, {}) == "TINY is not set"
    assert availability(by_path, {}) == availability(by_variable, {"TINY": str(file)}) == absent
    file.write_bytes(b"")
    assert availability(by_path, {}) is availability(by_variable, {"TINY": str(file)}) is None
    assert type(build(by_path, {})).__name__ == "LlamaCpp"
    assert type(build(model("llama_cpp", base_url="http://127.0.0.1:1"), {})).__name__ == "OpenAI"


def test_a_missing_package_is_named_with_the_extra_that_brings_it(tmp_path):
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"")
    code = (
        "import sys; sys.modules['llama_cpp'] = None\n"
        "from labmodels.config.schema.language_model import LanguageModel, LocalWeights\n"
        "from labmodels.errors import MissingExtra\n"
        "from labmodels.providers.registry import availability, build\n"
        "weights = LocalWeights(gguf=sys.argv[1])\n"
        "model = LanguageModel(name='m', provider='llama_cpp', model='x', context_tokens=9, weights=weights)\n"
        "assert availability(model, {}) == 'the package llama_cpp is not installed', availability(model, {})\n"
        "try:\n    build(model, {})\n"
        "except MissingExtra as error:\n    assert 'labmodels[local]' in error.hint\n"
        "else:\n    raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=True, timeout=60)


def test_a_call_without_its_key_is_an_auth_fault_that_names_it():
    with pytest.raises(ProviderFault, match="OPENAI_API_KEY is not set") as caught:
        build(model("openai"), {}).complete(REQUEST)
    assert caught.value.error_class == "auth"


def test_names_without_a_config_are_known_or_told():
    assert unavailable("basic_nlp") is None
    assert unavailable("custom/code_reviewer") == "it is not installed yet"
    assert unavailable("nobody") == "no config of this name is live"
    with pytest.raises(Usage, match="elsewhere"):
        build(model("elsewhere"), {})


def test_an_installed_package_brings_a_provider(tmp_path, monkeypatch):
    info = tmp_path / "brought-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[labmodels.providers]\nbrought = brought_provider:build\n")
    (tmp_path / "brought_provider.py").write_text("def build(model, environ):\n    return ('brought', model.model)\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert availability(model("brought"), {}) is None
    assert build(model("brought"), {}) == ("brought", "x")


def test_asking_what_is_available_imports_no_sdk():
    code = (
        "import sys; from labmodels.config.schema.language_model import LanguageModel\n"
        "from labmodels.providers.registry import availability\n"
        "availability(LanguageModel(name='m', provider='anthropic', model='x', context_tokens=9), {})\n"
        "assert not {'openai', 'anthropic', 'httpx2', 'keyring', 'sqlalchemy'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
