"""A run as JUnit XML: a test for its validity, one for its viewers, one for each threshold and each expectation.

The dialect is the strictest that is read, junit-10.xsd of Jenkins' xUnit plugin, which GitLab's and GitHub's reporters
read too: `testsuites`, `testsuite`, `testcase`, with `failure` for a threshold that was crossed or an expectation that
was broken, and `error` for a run that says nothing. `system-out` is the summary as a terminal shows it.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from hls_swarm.foreign import visible
from hls_swarm.judge.report import Report
from hls_swarm.views.tables import reasons
from hls_swarm.views.terminal.output import plain_text
from hls_swarm.views.terminal.report import report_text


def report_junit(report: Report) -> bytes:
    """The whole file."""
    summary = report.summary
    verdict = str(summary["verdict"])
    elapsed = f"{summary.get('elapsed_seconds', 0.0):.3f}"
    suites = Element("testsuites", name="hls-swarm")
    suite = SubElement(suites, "testsuite", name=_text(report.name), time=elapsed, hostname=_host(report))
    suite.set("timestamp", _text(str(report.facts["started_at"]).removesuffix("Z")))
    properties = SubElement(suite, "properties")
    for name, value in _properties(report):
        SubElement(properties, "property", name=_text(name), value=_text(value))
    why = "; ".join(reasons(report))
    _case(suite, "the generator kept up", elapsed, error=why if verdict == "invalid" else "")
    _case(suite, "viewers played", elapsed, error=why if verdict == "error" else "")
    for result in summary.get("thresholds", []):
        reason = "" if result["held"] else str(result.get("reason", "crossed"))
        _case(suite, str(result["threshold"]), elapsed, failure=reason)
    for result in summary.get("expectations", []):
        reason = "" if result["held"] else str(result.get("reason", "broken"))
        _case(suite, f"at most {result['expectation']}: {result['what']}", elapsed, failure=reason)
    SubElement(suite, "system-out").text = _text(plain_text(report_text(report)))
    if report.damage:
        SubElement(suite, "system-err").text = _text("\n".join(f"damaged: {text}" for text in report.damage))
    cases = suite.findall("testcase")
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
    }
    for name, count in counts.items():
        suite.set(name, str(count))
        suites.set(name, str(count))
    suite.set("skipped", "0")
    suites.set("time", elapsed)
    indent(suites)
    xml: bytes = tostring(suites, encoding="utf-8", xml_declaration=True)
    return xml + b"\n"


def _case(suite: Element, name: str, seconds: str, *, failure: str = "", error: str = "") -> None:
    case = SubElement(suite, "testcase", classname="hls-swarm", name=_text(name), time=seconds)
    for tag, reason in (("failure", failure), ("error", error)):
        if reason:
            SubElement(case, tag, message=_text(reason), type=tag).text = _text(reason)


def _properties(report: Report) -> Iterator[tuple[str, str]]:
    summary = report.summary
    yield "url", str(report.facts["url"])
    yield "verdict", str(summary["verdict"])
    yield "version", str(report.facts["versions"].get("hls-swarm", ""))
    for group in ("viewers", "requests", "body_bytes"):
        for name, count in summary.get(group, {}).items():
            yield f"{group}.{name}", str(count)


def _host(report: Report) -> str:
    return _text(str(report.facts["machine"].get("host", "")))


def _text(text: str) -> str:
    """With no character that XML may not carry (XML 1.0, 2.2)."""
    return visible(text)
