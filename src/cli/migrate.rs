//! `pasje migrate`: migrations and rights, then the end.

use std::process::ExitCode;

use pasje::db::migrate::migrate;

use super::{Failure, Opened};
use crate::config::Options;

/// There is no address to migrate with.
#[derive(Debug, thiserror::Error)]
#[error(
    "DATABASE_URL is set and DATABASE_OWNER_URL is not: migrations need the login that owns the database, beside the \
     service's login, which is given its rights"
)]
struct NoOwner;

pub(super) async fn run(options: &Options) -> Result<ExitCode, Failure> {
    let opened = Opened::open(options).await?;
    let owner = opened.owner.as_ref().ok_or(NoOwner)?;
    let result = migrate(owner, &opened.service).await;
    let place = owner.to_string();
    opened.close().await?;
    let versions = result?;
    match versions.as_slice() {
        [] => say!("{place} is up to date; the service's rights are set"),
        _ => say!("{place}: ran {}; the service's rights are set", versions.join(", ")),
    }
    Ok(ExitCode::SUCCESS)
}
