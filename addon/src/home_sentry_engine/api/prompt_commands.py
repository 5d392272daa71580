"""Commands about prompts and evaluations, as over REST."""

from typing import Any

from home_sentry_engine.contract import EventAuditPage, PromptList, PromptVersionPage

from .deeds import CommandRule
from .evaluation_ports import Evaluations, Review
from .fields import EVENT_ID
from .limits import LimitClass
from .prompt_fields import (
    BATCH_FIELDS,
    HISTORY_FIELDS,
    IMPORT_FIELDS,
    MODEL,
    NOTE,
    RECORD_FILTERS,
    RESTORE_FIELDS,
    RUN_ID,
    SHADOW_FIELDS,
    SPAN_FIELDS,
    TRIAL_FIELDS,
    WEEK_FIELDS,
    WRITE_FIELDS,
    change_of,
    history_of,
    model_of,
    prompts_of,
    records_of,
    span_of,
    trial_of,
    weeks_of,
)
from .prompt_ports import Prompts
from .routes.evaluation import found_record
from .routes.prompts import found_run, tried
from .triage_fields import USER


def review_rules(review: Review) -> tuple[CommandRule, ...]:
    """Give the commands about prompts and about the quality of verdicts."""
    return (*prompt_rules(review.prompts), *evaluation_rules(review.evaluations))


def prompt_rules(prompts: Prompts) -> tuple[CommandRule, ...]:
    """Give the commands about prompts."""
    return (*_changing(prompts), *_carrying(prompts), *_trying(prompts))


def _changing(prompts: Prompts) -> tuple[CommandRule, ...]:
    async def every(_args: dict[str, Any]) -> object:
        return PromptList(items=await prompts.all())

    async def one(args: dict[str, Any]) -> object:
        return await prompts.one(model_of(args))

    async def history(args: dict[str, Any]) -> object:
        page = await prompts.history(history_of(args, model_of(args)))
        return PromptVersionPage(items=page.items, next_cursor=page.next_cursor, total=page.total)

    async def write(args: dict[str, Any]) -> object:
        return await prompts.write(model_of(args), args["content"], change_of(args))

    async def reset(args: dict[str, Any]) -> object:
        return await prompts.reset(model_of(args), change_of(args))

    async def restore(args: dict[str, Any]) -> object:
        return await prompts.restore(model_of(args), args["version"], change_of(args))

    return (
        CommandRule(name="list_prompts", fields=(), answer=every),
        CommandRule(name="get_prompt", fields=(MODEL,), answer=one),
        CommandRule(name="get_prompt_history", fields=(MODEL, *HISTORY_FIELDS), answer=history),
        CommandRule(name="set_prompt", fields=(MODEL, *WRITE_FIELDS), answer=write, audited="prompt.write"),
        CommandRule(name="reset_prompt", fields=(MODEL, NOTE, USER), answer=reset, audited="prompt.reset"),
        CommandRule(name="restore_prompt", fields=(MODEL, *RESTORE_FIELDS), answer=restore, audited="prompt.restore"),
    )


def _carrying(prompts: Prompts) -> tuple[CommandRule, ...]:
    async def export(_args: dict[str, Any]) -> object:
        return await prompts.export()

    async def preview(args: dict[str, Any]) -> object:
        return await prompts.take(prompts_of(args), change_of(args), apply=False)

    async def take(args: dict[str, Any]) -> object:
        return await prompts.take(prompts_of(args), change_of(args), apply=True)

    return (
        CommandRule(name="export_prompts", fields=(), answer=export, limit=LimitClass.EXPORT),
        CommandRule(name="preview_prompt_import", fields=IMPORT_FIELDS, answer=preview),
        CommandRule(
            name="import_prompts", fields=IMPORT_FIELDS, answer=take, audited="prompt.import", limit=LimitClass.BULK
        ),
    )


def _trying(prompts: Prompts) -> tuple[CommandRule, ...]:
    async def difference(args: dict[str, Any]) -> object:
        return await prompts.difference(model_of(args), args["content"])

    async def test(args: dict[str, Any]) -> object:
        return tried(await prompts.test(model_of(args), trial_of(args)))

    async def shadow(args: dict[str, Any]) -> object:
        return await prompts.shadow(model_of(args), args["content"], args["limit"])

    async def run(args: dict[str, Any]) -> object:
        return found_run(await prompts.shadow_run(args["run_id"]))

    ai = LimitClass.AI
    return (
        CommandRule(name="diff_prompt", fields=(MODEL, *WRITE_FIELDS), answer=difference),
        CommandRule(name="test_prompt", fields=(MODEL, *TRIAL_FIELDS), answer=test, audited="prompt.test", limit=ai),
        CommandRule(
            name="start_shadow_run",
            fields=(MODEL, *SHADOW_FIELDS),
            answer=shadow,
            audited="prompt.shadow",
            limit=ai,
        ),
        CommandRule(name="get_shadow_run", fields=(RUN_ID,), answer=run),
    )


def evaluation_rules(evaluations: Evaluations) -> tuple[CommandRule, ...]:
    """Give the commands about the quality of verdicts."""

    async def listed(args: dict[str, Any]) -> object:
        page = await evaluations.page(records_of(args))
        return EventAuditPage(items=page.items, next_cursor=page.next_cursor, total=page.total)

    async def one(args: dict[str, Any]) -> object:
        return found_record(await evaluations.record(args["event_id"]))

    async def stats(args: dict[str, Any]) -> object:
        return await evaluations.stats(span_of(args))

    async def board(args: dict[str, Any]) -> object:
        return await evaluations.leaderboard(span_of(args))

    async def calibration(args: dict[str, Any]) -> object:
        return await evaluations.calibration(weeks_of(args))

    async def batch(args: dict[str, Any]) -> object:
        return await evaluations.audit(span_of(args), args["limit"])

    search = LimitClass.SEARCH
    return (
        CommandRule(name="list_evaluations", fields=RECORD_FILTERS, answer=listed),
        CommandRule(name="get_evaluation", fields=(EVENT_ID,), answer=one),
        CommandRule(name="get_evaluation_stats", fields=SPAN_FIELDS, answer=stats, limit=search),
        CommandRule(name="get_leaderboard", fields=SPAN_FIELDS, answer=board, limit=search),
        CommandRule(name="get_calibration", fields=WEEK_FIELDS, answer=calibration, limit=search),
        CommandRule(
            name="audit_events", fields=BATCH_FIELDS, answer=batch, audited="evaluation.batch", limit=LimitClass.BULK
        ),
    )
