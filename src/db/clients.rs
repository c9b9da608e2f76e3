//! Who clients are: personal data, apart from the ledger.

use diesel::sql_types::{BigInt, Integer, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::WalletId;

/// A client as the office sees one.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct ClientRow {
    pub wallet: WalletId,
    /// Random, by which the client is known in letters.
    pub number: i32,
    pub display_name: String,
}

/// All clients, by wallet.
///
/// # Errors
/// [`DbError`].
pub async fn list(mut conn: &AsyncPgConnection) -> Result<Vec<ClientRow>, DbError> {
    let query: Statement<(BigInt, Integer, Text)> =
        statement("SELECT wallet, number, display_name FROM client ORDER BY wallet");
    let rows = query.load::<(i64, i32, String)>(&mut conn).await?;
    rows.into_iter()
        .map(|(wallet, number, display_name)| {
            let wallet = WalletId::from_field(wallet).ok_or_else(|| corrupt("client.wallet"))?;
            Ok(ClientRow { wallet, number, display_name })
        })
        .collect()
}
