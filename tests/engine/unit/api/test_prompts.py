"""Prompts and evaluations over HTTP and as commands: checked, audited, the same on both ways."""

import pytest

from home_sentry_engine.contract import (
    BatchAudit,
    Calibration,
    EvaluationStats,
    EventAudit,
    EventAuditPage,
    Leaderboard,
    Problem,
    PromptChange,
    PromptConfig,
    PromptDiff,
    PromptExport,
    PromptImport,
    PromptList,
    PromptModel,
    PromptTest,
    PromptVersionPage,
    ShadowRun,
    decode,
    from_plain,
)

BASE, FIGURES = "/api/v1/prompts", "/api/v1/evaluation"
CATS = {"instructions": "We have a cat."}


async def said(client, method, path, shape, *, status=200, **given):
    async with client.request(method, path, **given) as response:
        body = await response.read()
        assert response.status == status, body
        return decode(shape, body)


async def test_a_prompt_is_written_read_restored_and_given_up(client, engine):
    every = await said(client, "GET", BASE, PromptList)
    assert [one.model.value for one in every.items] == [
        "nemotron", "vision", "florence2", "yolo_world", "xclip", "fashion_clip"
    ]  # fmt: skip
    body = {"content": CATS, "note": " cats ", "user": "ann"}
    written = await said(client, "PUT", f"{BASE}/nemotron", PromptConfig, json=body)
    assert (written.version, written.author, written.note, written.content) == (1, "ann", "cats", CATS)
    assert await said(client, "GET", f"{BASE}/nemotron", PromptConfig) == written
    assert (await said(client, "DELETE", f"{BASE}/nemotron", PromptConfig)).shipped
    restored = await said(client, "POST", f"{BASE}/nemotron/restore", PromptConfig, json={"version": 1})
    assert (restored.version, restored.content) == (3, CATS)
    page = await said(client, "GET", f"{BASE}/nemotron/history?limit=2", PromptVersionPage)
    assert [one.change for one in page.items] == [PromptChange.RESTORED, PromptChange.RESET]
    deeds = [(one.action, one.target) for one in engine.audit.deeds]
    assert deeds == [("prompt.write", "nemotron"), ("prompt.reset", "nemotron"), ("prompt.restore", "nemotron")]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"{BASE}/gpt", None, 404),
        ("PUT", f"{BASE}/nemotron", {"content": {"wrong": 1}}, 422),
        ("PUT", f"{BASE}/nemotron", {"content": "text"}, 400),
        ("PUT", f"{BASE}/nemotron", {}, 400),
        ("POST", f"{BASE}/nemotron/restore", {"version": 9}, 404),
        ("POST", f"{BASE}/nemotron/restore", {"version": 0}, 400),
        ("POST", f"{BASE}/nemotron/test", {"event_id": "e9"}, 404),
        ("POST", f"{BASE}/nemotron/test", {"event_id": "e1", "content": {}, "version": 1}, 400),
        ("POST", f"{BASE}/import", {"document": {}}, 400),
        ("POST", f"{BASE}/import", {"document": {"prompts": {}}}, 400),
        ("POST", f"{BASE}/nemotron/shadow", {"content": CATS, "limit": 51}, 400),
        ("GET", f"{BASE}/shadow/nobody", None, 404),
        ("GET", f"{FIGURES}/events/e9", None, 404),
        ("GET", f"{FIGURES}/stats?days=0", None, 400),
        ("GET", f"{FIGURES}/calibration?weeks=53", None, 400),
    ],
)
async def test_what_is_wrong_is_refused_by_name(client, method, path, body, status):
    problem = await said(client, method, path, Problem, status=status, **({"json": body} if body is not None else {}))
    assert problem.status == status
    if status == 422:
        assert problem.details["field"] == "wrong"


async def test_what_was_changed_is_carried_elsewhere(client, engine):
    await said(client, "PUT", f"{BASE}/xclip", PromptConfig, json={"content": CATS})
    document = await said(client, "GET", f"{BASE}/export", PromptExport)
    assert document.prompts == {"xclip": CATS}
    wanted = {"document": {"prompts": {"nemotron": CATS, "xclip": {"wrong": 1}}}}
    preview = await said(client, "POST", f"{BASE}/import/preview", PromptImport, json=wanted)
    assert (preview.applied, [one.wrong for one in preview.items]) == (False, [None, "wrong"])
    assert not (await said(client, "POST", f"{BASE}/import", PromptImport, json=wanted)).applied
    wanted["document"]["prompts"].pop("xclip")
    assert (await said(client, "POST", f"{BASE}/import", PromptImport, json=wanted)).applied
    assert engine.prompts.versions[PromptModel.NEMOTRON][-1].change is PromptChange.IMPORTED
    assert [one.action for one in engine.audit.deeds].count("prompt.import") == 2
    shown = await said(client, "POST", f"{BASE}/xclip/diff", PromptDiff, json={"content": {"wrong": 1}})
    assert shown.wrong == "wrong"


async def test_a_trial_and_a_run_over_many_events(client):
    test = await said(client, "POST", f"{BASE}/nemotron/test", PromptTest, json={"event_id": "e1", "content": CATS})
    assert (test.level_changed, test.after.score) == (True, 62)
    run = await said(client, "POST", f"{BASE}/nemotron/shadow", ShadowRun, status=202, json={"content": CATS})
    assert await said(client, "GET", f"{BASE}/shadow/{run.run_id}", ShadowRun) == run


async def test_records_and_figures(client, engine):
    record = await said(client, "GET", f"{FIGURES}/events/e1", EventAudit)
    page = await said(client, "GET", f"{FIGURES}/events?evaluated=false", EventAuditPage)
    assert page.items == (record,)
    assert (await said(client, "GET", f"{FIGURES}/stats?days=3&camera=yard", EvaluationStats)).days == 3
    assert (await said(client, "GET", f"{FIGURES}/leaderboard", Leaderboard)).days == 7
    assert (await said(client, "GET", f"{FIGURES}/calibration?weeks=4", Calibration)).weeks == 4
    made = await said(client, "POST", f"{FIGURES}/batch", BatchAudit, json={"limit": 5})
    assert made.looked_at == 5
    assert [(one.days, one.camera_id) for one in engine.evaluations.spans] == [
        (3, "yard"),
        (7, None),
        (28, None),
        (7, None),
    ]


async def test_the_same_as_commands_in_somebodys_name(connect, engine):
    peer = await connect()
    await peer.greet()
    number = iter(range(1, 99))

    async def ask(name, **args):
        return await peer.ask(name, args, number=next(number))

    written = await ask("set_prompt", model="nemotron", content=CATS, user="ann")
    assert from_plain(PromptConfig, written.data).author == "ann"
    assert (await ask("get_prompt", model="nemotron")).data == written.data
    assert len(from_plain(PromptList, (await ask("list_prompts")).data).items) == 6
    assert (await ask("set_prompt", model="nemotron", content={"wrong": 1})).code == "unprocessable"
    assert (await ask("set_prompt", model="gpt", content={})).code == "invalid_request"
    assert from_plain(PromptConfig, (await ask("reset_prompt", model="nemotron", user="ann")).data).shipped
    assert from_plain(PromptConfig, (await ask("restore_prompt", model="nemotron", version=1)).data).version == 3
    history = from_plain(PromptVersionPage, (await ask("get_prompt_history", model="nemotron", limit=2)).data)
    assert len(history.items) == 2
    document = (await ask("export_prompts")).data
    assert from_plain(PromptImport, (await ask("preview_prompt_import", document=document)).data).applied is False
    assert from_plain(PromptImport, (await ask("import_prompts", document=document)).data).applied is True
    assert (await ask("diff_prompt", model="nemotron", content=CATS)).ok
    assert from_plain(PromptTest, (await ask("test_prompt", model="nemotron", event_id="e1")).data).event_id == "e1"
    assert (await ask("test_prompt", model="nemotron", event_id="e9")).code == "not_found"
    run = from_plain(ShadowRun, (await ask("start_shadow_run", model="nemotron", content=CATS)).data)
    assert (await ask("get_shadow_run", run_id=run.run_id)).ok
    assert (await ask("get_shadow_run", run_id="nobody")).code == "not_found"
    deeds = [(one.action, one.actor, one.target) for one in engine.audit.deeds]
    assert deeds[0] == ("prompt.write", "user ann", "nemotron")


async def test_figures_as_commands(connect):
    peer = await connect()
    await peer.greet()
    asked = {
        "list_evaluations": {},
        "get_evaluation": {"event_id": "e1"},
        "get_evaluation_stats": {"days": 2},
        "get_leaderboard": {},
        "get_calibration": {"weeks": 2},
        "audit_events": {"limit": 3},
    }
    for number, (name, args) in enumerate(asked.items(), start=1):
        assert (await peer.ask(name, args, number=number)).ok, name
    assert (await peer.ask("get_evaluation", {"event_id": "e9"}, number=99)).code == "not_found"
