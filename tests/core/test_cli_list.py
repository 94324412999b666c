"""`fieldglass list` and `fieldglass doctor`."""

from __future__ import annotations

import json

from click.testing import CliRunner

import plugged
from fieldglass.cli import main
from fieldglass.cli.doctor import show


def test_list_shows_what_is_offered():
    found = CliRunner().invoke(main, ["list"])
    assert found.exit_code == 0
    for line in ("encoders\tmini\tcore", "composers\tweicom\tcore", "loaders\tfiles\tcore", "demos\tphotographs\tcore"):
        assert line in found.output


def test_list_of_one_kind_as_json():
    found = CliRunner().invoke(main, ["list", "encoders", "--format", "json"])
    rows = {row["name"]: row for row in json.loads(found.output)}
    assert rows["mini"]["provides"] == ["as_query", "images", "patches", "texts"]
    assert {row["kind"] for row in rows.values()} == {"encoders"}


def test_list_of_an_unknown_kind_names_the_near_one():
    found = CliRunner().invoke(main, ["list", "encoder"])
    assert found.exit_code == 2
    assert "Did you mean 'encoders'?" in found.stderr


def test_doctor_tells_builds_extras_and_broken_plugins(tmp_path, capsys):
    site = plugged.tinyplug(tmp_path)
    plugged.install(site, "lame", "raise RuntimeError('no luck')\n")
    (site / "tinyplug-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tinyplug\nVersion: 1.0\nProvides-Extra: fast\nProvides-Extra: all\n"
        'Requires-Dist: not-there-at-all>=2; extra == "fast"\nRequires-Dist: tinyplug[fast]; extra == "all"\n'
    )
    done = plugged.run(site, "doctor", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    plugins = {plugin["name"]: plugin for plugin in found["plugins"]}
    assert plugins["tinyplug"]["version"] == "1.0"
    assert plugins["tinyplug"]["hooks"] == ["commands", "encoders"]
    assert plugins["tinyplug"]["offers"] == ["tiny", "tinyplug"]
    assert plugins["lame"]["broken"] == "RuntimeError: no luck"
    extras = {extra["extra"]: extra for extra in found["extras"]}
    for name in ("tinyplug[fast]", "tinyplug[all]"):
        assert extras[name]["missing"] == ["not-there-at-all"]
        assert extras[name]["install"] == f"pip install '{name}'"
    assert found["parts"]["pillow"]["formats"]
    torch, faiss = found["parts"]["torch"], found["parts"]["faiss"]
    assert not torch["version"] or {"threads", "cuda", "device"} <= torch.keys()
    assert not faiss["version"] or {"threads", "options"} <= faiss.keys()
    show(found)
    text = capsys.readouterr().out
    assert "† lame (lame 1.0) is not loaded: RuntimeError: no luck" in text
    assert "lacks not-there-at-all\tpip install 'tinyplug[fast]'" in text
    assert f"torch\t{torch['version'] or 'not installed'}\t" in text
