//! The cluster that `pasje database` gave us.

use std::path::PathBuf;

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pasje::db::connect::{Database, establish};
use pasje::db::statement::{Statement, statement};
use pasje::db::url::DatabaseUrl;

use crate::Failure;

pub struct Server {
    pub database: Database,
    pub owner: AsyncPgConnection,
    pub socket: String,
    pub port: u16,
    pub postmaster: u32,
}

impl Server {
    pub async fn from_environment() -> Result<Server, Failure> {
        let variable = |name: &str| {
            std::env::var(name)
                .map_err(|_| format!("{name} is not set: run ./dev bench, or `pasje database -- pasje-bench`"))
        };
        let service: DatabaseUrl = variable("DATABASE_URL")?.parse()?;
        let owner: DatabaseUrl = variable("DATABASE_OWNER_URL")?.parse()?;
        let (socket, port) = (variable("PGHOST")?, variable("PGPORT")?.parse()?);
        let superuser = DatabaseUrl::on_socket("postgres", &PathBuf::from(&socket), port, "pasje")?;
        let mut superuser = establish(&superuser).await?;
        let query: Statement<diesel::sql_types::Text> =
            statement("SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)");
        let postmaster = query.get_result::<String>(&mut superuser).await?.trim().parse()?;
        let database = Database::connect(&service, 16).await?;
        Ok(Server { database, owner: establish(&owner).await?, socket, port, postmaster })
    }

    /// How far the write-ahead log is, in bytes.
    pub async fn wal_bytes(&mut self) -> Result<i64, Failure> {
        let query: Statement<diesel::sql_types::BigInt> =
            statement("SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint");
        Ok(query.get_result(&mut self.owner).await?)
    }
}
