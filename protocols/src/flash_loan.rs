//! Flash loans: lent for the length of a transaction.
