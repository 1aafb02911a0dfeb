import logging

from hls_swarm.views.logbook import Logbook


def test_it_listens_while_it_lasts_and_leaves_the_logger_as_it_was() -> None:
    logger = logging.getLogger("hls_swarm")
    before = (logger.level, logger.propagate, list(logger.handlers))
    with Logbook() as book:
        logging.getLogger("hls_swarm.some.part").info("one %s", "thing")
        logging.getLogger("hls_swarm").debug("too small")
        logging.getLogger("elsewhere").warning("not ours")
    logging.getLogger("hls_swarm.some.part").error("too late")
    assert [(kept.level_name, kept.text) for kept in book.newest_first()] == [("INFO", "one thing")]
    assert (logger.level, logger.propagate, list(logger.handlers)) == before


def test_it_is_bounded_and_gives_the_newest_first() -> None:
    with Logbook(kept=3) as book:
        for number in range(5):
            logging.getLogger("hls_swarm").warning("line %d", number)
    assert [kept.text for kept in book.newest_first()] == ["line 4", "line 3", "line 2"]


def test_it_filters_by_level() -> None:
    with Logbook() as book:
        logging.getLogger("hls_swarm").info("a")
        logging.getLogger("hls_swarm").error("b")
    assert [kept.text for kept in book.newest_first(logging.WARNING)] == ["b"]


def test_secrets_and_line_breaks_do_not_get_in() -> None:
    with Logbook(mask=lambda text: text.replace("s3cret", "***")) as book:
        try:
            raise ValueError("s3cret")
        except ValueError:
            logging.getLogger("hls_swarm").exception("failed\nat once with s3cret")
    assert [kept.text for kept in book.newest_first()] == ["failed at once with ***: ValueError('***')"]
