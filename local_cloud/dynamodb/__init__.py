"""Atomic and isolated operations of DynamoDB, on moto's tables.

moto 5.2.5 runs each operation without a lock, changes items in place, and restores copies of whole tables when a transaction
fails: writes are lost, and transactions are torn. Here:

- `guard`: the lock of a backend, the items of ongoing transactions, and the tokens of finished ones.
- `scratch`: copies of the items that an operation writes, which replace the items if the operation succeeds.
- `transactions`: TransactWriteItems in two steps, so that a conflict is possible as on AWS.
- `operations`: the operations of moto that are replaced, when it is imported.
- `expressions`: update expressions are parsed once.

Every operation of a backend, which is a Region of an account, holds the backend's lock: the operations are serializable.
A transaction releases the lock between its two steps. Reads see the items as they were before it, and writes of its items
are rejected with a conflict.
"""
