"""A plain reading of a search."""

from home_sentry_engine.storage.search import All, Either, Term, Tree


def fits(tree: Tree, words: list[str]) -> bool:
    match tree:
        case Term(wanted):
            return set(wanted) <= set(words)
        case Either(options):
            return any(fits(one, words) for one in options)
        case All(wanted, unwanted):
            return all(fits(one, words) for one in wanted) and not any(fits(one, words) for one in unwanted)
