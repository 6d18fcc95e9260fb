"""The markets that exist; shaped as GET /info says them (docs.pacifica.fi get-market-info)."""

from typing import Any

SINCE_MS = 1_748_881_333_944
# Symbol, mark price, tick size, lot size, maximum leverage.
KNOWN = (
    ("BTC", "100000", "1", "0.00001", 50),
    ("ETH", "3500", "0.1", "0.0001", 50),
    ("SOL", "180", "0.01", "0.01", 20),
    ("kBONK", "0.021", "0.000001", "1", 10),
    ("kPEPE", "0.0094", "0.000001", "1", 10),
    ("XRP", "2.4", "0.0001", "1", 20),
    ("DOGE", "0.19", "0.00001", "1", 20),
    ("HYPE", "38", "0.001", "0.01", 20),
    ("AVAX", "21", "0.001", "0.1", 10),
    ("LINK", "16", "0.001", "0.1", 10),
    ("SUI", "2.2", "0.0001", "1", 10),
    ("BNB", "950", "0.01", "0.001", 10),
    ("LTC", "90", "0.01", "0.01", 10),
    ("ASTER", "1.1", "0.0001", "0.01", 5),
    ("XPL", "0.3", "0.0001", "1", 5),
    ("ENA", "0.31", "0.0001", "1", 5),
    ("PUMP", "0.0042", "0.000001", "1", 5),
    ("WLFI", "0.13", "0.00001", "1", 5),
)


def market(
    symbol: str, mark: str = "1", tick: str = "0.0001", lot: str = "0.0001", leverage: int = 5
) -> dict[str, Any]:
    """Make one row of GET /info, and the mark price under ``_mark``. A dash means spot."""
    base, is_spot = symbol.partition("-")[::2]
    return {
        "symbol": symbol,
        "tick_size": tick,
        "min_tick": "0",
        "max_tick": "1000000",
        "lot_size": lot,
        "max_leverage": leverage,
        "isolated_only": False,
        "min_order_size": "10",
        "max_order_size": "5000000",
        "funding_rate": "0.0000125",
        "next_funding_rate": "0.0000125",
        "created_at": SINCE_MS,
        "instrument_type": "spot" if is_spot else "perpetual",
        "base_asset": base,
        "_mark": mark,
    }


def known_markets() -> dict[str, dict[str, Any]]:
    """Make the markets a fresh exchange has, by symbol."""
    rows = [market(*known) for known in KNOWN] + [market("SOL-USDC", "180", "0.01", "0.001", 1)]
    return {row["symbol"]: row for row in rows}
