"""Values of header fields, of any kind: right ones, nearly right ones, and what no peer should send."""

from hypothesis import strategies as st

_DIGITS = st.one_of(
    st.integers(0, 2**70).map(str),
    st.integers(1, 6000).map(lambda count: "9" * count),
    st.integers(1, 6000).map(lambda count: "0" * count + "7"),
    st.text("0123456789", max_size=30),
    st.text("\u0660\u0661\u0966\u00b2\uff13", min_size=1, max_size=5),
)
_ODD = st.sampled_from(
    ["", " ", "-", "+", "nan", "NaN", "inf", "-inf", "Infinity", "1e9", "0x10", "1_000", "1.5", "-0", "--1", "\t7\t"]
)
_YEARS = st.one_of(st.integers(0, 10**20).map(str), st.text("0123456789", min_size=1, max_size=400))
_MONTHS = st.sampled_from(["Jan", "feb", "MAR", "Sept", "December", "", "xyz"])
_NUMBER = st.one_of(st.integers(0, 99).map("{:02}".format), _DIGITS)


@st.composite
def dates(draw: st.DrawFn) -> str:
    """What looks like a date in one of the forms of RFC 9110 5.6.7, with numbers of any size."""
    day, month, year, zone = draw(_NUMBER), draw(_MONTHS), draw(_YEARS), draw(st.sampled_from(["GMT", "+0200", ""]))
    time = f"{draw(_NUMBER)}:{draw(_NUMBER)}:{draw(_NUMBER)}"
    form = draw(st.sampled_from(["Sun, {d} {m} {y} {t} {z}", "Sunday, {d}-{m}-{y} {t} {z}", "Sun {m} {d} {t} {y}"]))
    return form.format(d=day, m=month, y=year, t=time, z=zone)


def field_values() -> st.SearchStrategy[str]:
    """Any value that can stand in one line of a head."""
    signed = st.tuples(st.sampled_from(["", "-", "+", "--"]), _DIGITS).map("".join)
    lists = st.lists(signed, min_size=2, max_size=4).map(", ".join)
    ranges = st.tuples(_DIGITS, _DIGITS, st.one_of(_DIGITS, st.just("*"))).map(lambda r: f"bytes {r[0]}-{r[1]}/{r[2]}")
    cookies = signed.map(lambda digits: f"k=v; Max-Age={digits}") | dates().map(lambda date: f"k=v; Expires={date}")
    anything = st.text(max_size=60).map(lambda text: text.replace("\r", "").replace("\n", ""))
    return st.one_of(signed, _ODD, lists, ranges, dates(), cookies, anything)
