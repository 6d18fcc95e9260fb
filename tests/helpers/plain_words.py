"""What no sentence of a record may hold: every record that a test makes is read with this."""

import json
import re
from types import SimpleNamespace

from orders.audit import descriptions, log
from orders.audit.hashing import COVERED_OF_ROW

NONSENSE = re.compile(
    r"\bNone\b|\?|\.\.|  |\(\s*\)|“”|: *\.|, *\.| [.,:;]|^\s|\s$|_"
    r"|\b1 (?:orders|accounts|cancels|records|faults|lines|drifts|discrepancies|questions)\b"
    r"|(?<![\d.,-])(?:0|[2-9]|[1-9]\d+) "
    r"(?:order|account|cancel|record|fault|line|drift|discrepancy|question)\b"
)
TYPED = {"reason", "name_tried", "added", "user", "changed", "signer", "owner", "words", "asked"}
TYPED |= {"name", "token"}  # of API tokens
FOREIGN = {"said", "why", "explanation", "path"}  # may cite the exchange


def faults(sentence) -> list:
    """Everything in it that no person would have written."""
    return [found.group() for found in NONSENSE.finditer(sentence)] or (
        [] if sentence[-1:] in {".", "”", "!"} else ["no end"]
    )


def fault_of(fact):
    """The sentence of a fact that is about to be recorded, where something is wrong with it."""
    draft = fact if isinstance(fact, log.Draft) else log.draft(fact)
    sentence = sentence_of(draft.values, draft.rows)
    wrong = faults(sentence)
    return (draft.values["event"], sentence, wrong) if wrong else None


def sentence_of(values, rows):
    """As it is told in the log, all that people or the exchange typed replaced by a plain word."""
    data = json.loads(values["data"])
    plain = {name: _plain(name, value) for name, value in data.items()}
    first = [SimpleNamespace(**dict(zip(COVERED_OF_ROW, rows[0], strict=True)))] if rows else [None]
    if rows and first[0].symbol:
        first[0].symbol = "BTC"
    if rows and first[0].client_order_id:
        first[0].client_order_id = "abc"
    names = ("operator_name", "desk_name", "account_name", "address")
    tame = {
        name: "Name" if values[name] and values[name][0] != "(" else values[name] for name in names
    }
    record = SimpleNamespace(**values | tame | {"data": json.dumps(plain)})
    return descriptions.of(record, first[0], len(rows))


def _plain(name, value):
    if name in TYPED | FOREIGN and isinstance(value, str) and value:
        return "word"
    if name == "changed" and isinstance(value, dict):
        return {f"field {i}": _tame(change) for i, change in enumerate(value.values())}
    return value


def _tame(change):
    return ["old" if change[0] else "", "new" if change[1] else ""]
