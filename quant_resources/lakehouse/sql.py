"""SQL over all lakehouse tables: an in-memory DuckDB that sees the tables through Arrow and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quant_assets.errors import UsageError
from quant_resources.lakehouse.files import dataset_of
from quant_resources.lakehouse.store import Lakehouse

if TYPE_CHECKING:
    import pyarrow as pa


def query(lakehouse: Lakehouse, statement: str) -> pa.Table:
    """Result of one SQL statement as an Arrow table.

    Every table of the lakehouse is a view under its own name. The database lives in memory, cannot read or write
    files and cannot load extensions. Raises ``UsageError`` with DuckDB's message when the statement is wrong
    or is not a query.
    """
    import duckdb

    connection = duckdb.connect(":memory:", config={"enable_external_access": "false"})
    try:
        for name in lakehouse.tables():
            table = lakehouse.open(name)
            if table is not None:
                connection.register(name, dataset_of(table))
        found = connection.sql(statement)
        if found is None:
            raise UsageError(f"sql: {statement.strip()!r} is not a query: it has no rows to show\n{_known(lakehouse)}")
        return found.to_arrow_table()
    except duckdb.Error as error:
        raise UsageError(f"sql: {error}\n{_known(lakehouse)}") from error
    finally:
        connection.close()


def _known(lakehouse: Lakehouse) -> str:
    return f"Tables: {', '.join(lakehouse.tables()) or 'none yet: run `quant demo` or `quant backfill` first'}"
