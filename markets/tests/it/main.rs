//! What `markets` promises to those who use it. One binary, so that one link is enough; `cargo test -p markets
//! oracles::` runs one file.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod book;
mod composed_oracles;
mod concentrated;
mod constant_product;
mod lp_oracle;
mod oracles;
mod price_moments;
mod price_processes;
mod prices;
mod reserves;
mod returns;
mod sqrt_price;
mod stable_swap;
mod stylised_facts;
mod venue;
