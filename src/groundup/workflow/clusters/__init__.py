"""`groundup run --cluster`: are there groups in the table, how many, and what are they like."""
