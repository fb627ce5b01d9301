//! What families of mechanisms say always holds of their own books.

use super::{Chain, Market, Violation};
use protocols::{isolated, vault};

impl Chain {
    /// Checks what isolated markets and vaults say of themselves.
    ///
    /// # Errors
    /// The first property that is broken.
    pub fn check_families(&self) -> Result<(), Violation> {
        for (m, market) in self.markets.iter().enumerate() {
            let (catalogue, broken): (&[(&str, &str)], _) = match market {
                Market::Isolated(market) => (&isolated::INVARIANTS, market.check(self)),
                Market::Vault(market) => (&vault::INVARIANTS, market.check(self)),
                _ => continue,
            };
            if let Err((index, detail)) = broken {
                let (id, sentence) = catalogue[index];
                let detail = format!("market {m}: {detail}");
                return Err(Violation { id: id.to_owned(), sentence: sentence.to_owned(), detail });
            }
        }
        Ok(())
    }
}
