//! Opens a month: each wallet gets its grant and what is held of its plan.
//!
//! Idempotent by `month_phase`; a wallet that is in an earlier month still is opened when that one is closed. A data error never
//! empties a card: the grant is provisional then, is flagged, and somebody has a task.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;

use super::chunk::Chunk;
use super::chunks::{self, Settings, Work};
use super::entitled::{Clients, Computed, Rules, compute, compute_provisional};
use super::plan::Plans;
use super::{MonthError, Tally, Watch, today};
use crate::db::connect::Database;
use crate::db::ledger::{self, Batch};
use crate::db::month_grants::{self, GrantRow};
use crate::db::month_phases::{self, Done, Phase};
use crate::db::tasks::{self, TaskKind};
use crate::db::{DbError, holds, months, plan_months, wallets};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::correction::{self, Granted};
use crate::domain::delivery::{MonthLine, job_hash};
use crate::domain::flow::Flow;
use crate::domain::funding::{PurseName, Why};
use crate::domain::grant::GrantError;
use crate::domain::holding::{ToHold, hold};
use crate::domain::money::Amount;
use crate::domain::month_grant::Month;
use crate::domain::operation::{Authority, Booked, HoldEntry, Operation, OperationKind, Outcome, Owner};
use crate::domain::request::Problem;
use crate::domain::wallet::Wallet;
use crate::services::book::{change_buffers_by, id_of_ours};

/// Opens a month for an organisation's clients, or tells what that would do.
///
/// # Errors
/// [`MonthError`]; [`MonthError::NotBegun`] for a month of the future.
pub async fn open(
    database: &Database,
    organisation: OrganisationId,
    month: Month,
    dry_run: bool,
    now: DateTime<Utc>,
    settings: Settings,
    watch: Arc<Watch>,
) -> Result<Tally, MonthError> {
    let conn = database.connection().await?;
    let today = today(&conn, organisation, now).await?;
    if today < month.first() {
        return Err(MonthError::NotBegun(month));
    }
    let rules = Rules::load(&conn, organisation, month).await?;
    drop(conn);
    chunks::run(database, Arc::new(Opening { organisation, rules, today }), settings, dry_run, watch).await
}

struct Opening {
    organisation: OrganisationId,
    rules: Rules,
    /// Who buys follows the indication of today, whatever month is opened.
    today: NaiveDate,
}

/// What a chunk writes.
#[derive(Default)]
struct Rows {
    booked: Vec<Booked>,
    wallets: Vec<(Wallet, i32)>,
    phases: Vec<(WalletId, Phase, Option<crate::domain::operation::OperationId>)>,
    grants: Vec<GrantRow>,
    plan: Vec<(WalletId, MonthLine)>,
    tasks: Vec<(WalletId, TaskKind, Option<i64>)>,
    holds: Vec<HoldEntry>,
    tally: Tally,
}

impl Work for Opening {
    async fn next(&self, conn: &AsyncPgConnection, after: i64, limit: i64) -> Result<Vec<WalletId>, DbError> {
        months::to_open(conn, self.organisation, self.rules.month.first(), after, limit).await
    }

    async fn book(
        &self,
        conn: &mut AsyncPgConnection,
        batch: Option<Batch>,
        ids: &[WalletId],
    ) -> Result<Tally, MonthError> {
        let shared: &AsyncPgConnection = conn;
        let month = self.rules.month;
        let mut chunk = Chunk::load(shared, batch, self.organisation, ids, month).await?;
        let wallets = std::mem::take(&mut chunk.wallets);
        let (now, book_date) = (chunk.now, chunk.book_date);
        let (done, mut plans) = tokio::try_join!(
            biased;
            month_phases::done(shared, ids, month.first()),
            Plans::agreed(shared, ids, month),
        )?;
        let is_due = |wallet: &Wallet| {
            let is_here = wallet.month.is_none_or(|in_month| in_month == month.first());
            !wallet.is_closed && is_here && !done.contains_key(&(wallet.id, Phase::Holds as i16))
        };
        let mut due = Vec::with_capacity(wallets.len());
        for wallet in wallets.into_iter().filter(is_due) {
            let scheme = self.rules.version_of(chunk.scheme_of(wallet.id)?, &wallet);
            let computed = compute(&self.rules, &chunk.clients, wallet.id, scheme);
            due.push((wallet, scheme, computed));
        }
        let wrong: Vec<WalletId> =
            due.iter().filter(|(.., computed)| computed.error.is_some()).map(|(wallet, ..)| wallet.id).collect();
        let last = month_grants::last_before(shared, &wrong, month.first()).await?;
        let mut rows = Rows::default();
        for (wallet, scheme, computed) in due {
            let client = Client { opening: self, clients: &chunk.clients, done: &done, last: &last, book_date, now };
            client.open(wallet, scheme, computed, &mut plans, &mut rows)?;
        }
        if let Some(batch) = batch {
            write(shared, batch, month, &rows).await?;
        }
        Ok(rows.tally)
    }
}

/// What is known of the clients of a chunk while one of them is opened.
struct Client<'a> {
    opening: &'a Opening,
    clients: &'a Clients,
    done: &'a Done,
    last: &'a HashMap<WalletId, GrantRow>,
    book_date: NaiveDate,
    now: DateTime<Utc>,
}

impl Client<'_> {
    fn open(
        &self,
        mut wallet: Wallet,
        scheme: i32,
        computed: Computed,
        plans: &mut Plans,
        rows: &mut Rows,
    ) -> Result<(), MonthError> {
        let rules = &self.opening.rules;
        let month = rules.month;
        wallet.month = Some(month.first());
        wallet.buyer = self.clients.buyer_on(&wallet, self.opening.today);
        if let Some(of_scheme) = rules.scheme(scheme) {
            wallet.rules = of_scheme.paying;
        }
        rows.tally.add("wallets", 1);
        if !self.done.contains_key(&(wallet.id, Phase::Grant as i16)) {
            self.grant(&mut wallet, computed, rows)?;
        }
        let absent = self.clients.absent_days(wallet.id, month);
        let mut lines = plans.lines_of(&wallet, absent);
        self.hold(&mut wallet, scheme, &mut lines, rows)?;
        rows.plan.extend(lines.into_iter().map(|line| (wallet.id, line)));
        rows.wallets.push((wallet, scheme));
        Ok(())
    }

    fn grant(&self, wallet: &mut Wallet, mut computed: Computed, rows: &mut Rows) -> Result<(), MonthError> {
        let rules = &self.opening.rules;
        let month = rules.month.first();
        if computed.error.is_some() {
            compute_provisional(rules, &mut computed, wallet, self.last.get(&wallet.id))?;
            rows.tasks.push((wallet.id, TaskKind::DataError, None));
            rows.tally.add("data errors", 1);
        }
        let granted = match &computed.grant {
            Some(grant) => Granted::from(grant),
            None => Granted::nothing(wallet.unit, rules.gross_unit(computed.scheme)),
        };
        let mut row = GrantRow::new(wallet.id, month, computed.scheme, computed.funded_days, &granted);
        row.data_error = computed.error.map(|error| error.code);
        row.error_day = computed.error.and_then(|error| error.day);
        if let Some(grant) = &computed.grant {
            let legs = match grant.grant().map_err(Problem::from)?.legs() {
                Ok(legs) => legs,
                Err(GrantError::Nothing) => Vec::new(),
                Err(error) => return Err(Problem::Broken(error.to_string()).into()),
            };
            if !legs.is_empty() {
                let mut operation = self.operation(wallet, OperationKind::Grant)?;
                operation.unit_value_cents = grant.unit_value_cents;
                operation.transfers = correction::transfers(wallet, Flow::Grant, Why::Granted, &legs)?;
                for transfer in &operation.transfers {
                    wallet.apply(transfer).map_err(Problem::from)?;
                }
                row.operation = Some(operation.id);
                rows.tally.add(if computed.error.is_some() { "provisional grants" } else { "grants" }, 1);
                let unit = wallet.unit.name();
                for (purse, amount) in [("budget", grant.budget), ("reserve", grant.reserve), ("buffer", grant.buffer)]
                {
                    rows.tally.add(&format!("{purse} {unit}"), amount.minor());
                }
                rows.booked.push(Booked { operation, book_date: self.book_date });
            }
        }
        rows.phases.push((wallet.id, Phase::Grant, row.operation));
        rows.grants.push(row);
        Ok(())
    }

    fn hold(
        &self,
        wallet: &mut Wallet,
        scheme: i32,
        lines: &mut [MonthLine],
        rows: &mut Rows,
    ) -> Result<(), MonthError> {
        let kept_free = self.opening.rules.scheme(scheme).map_or(Amount::zero(wallet.unit), |scheme| scheme.kept_free);
        let to_hold: Vec<ToHold> =
            lines.iter().map(|line| ToHold { kind: line.kind, units: line.units, planned: line.open() }).collect();
        let free = wallet.purse(PurseName::Budget).free().minus_or_zero(kept_free);
        let held = hold(&to_hold, wallet.rules, free)?;
        for (line, days) in lines.iter_mut().zip(&held.days) {
            line.held = *days;
        }
        if !held.overrun.is_zero() {
            rows.tasks.push((wallet.id, TaskKind::ExpectedOverrun, Some(held.overrun.minor())));
            rows.tally.add("expected overruns", 1);
        }
        let operation = if held.total.is_zero() {
            None
        } else {
            let mut operation = self.operation(wallet, OperationKind::Hold)?;
            let account = wallet.account(PurseName::Budget);
            let account = account.ok_or_else(|| Problem::Broken("a wallet without a budget".to_owned()))?;
            let entry = HoldEntry { hold: operation.id, account, change: held.total.minor() };
            wallet.hold(account, entry.change).map_err(Problem::from)?;
            rows.holds.push(entry.clone());
            operation.hold_entries.push(entry);
            rows.tally.add("holds", 1);
            rows.tally.add(&format!("held {}", wallet.unit.name()), held.total.minor());
            Some(operation)
        };
        rows.phases.push((wallet.id, Phase::Holds, operation.as_ref().map(|operation| operation.id)));
        rows.booked.extend(operation.map(|operation| Booked { operation, book_date: self.book_date }));
        Ok(())
    }

    fn operation(&self, wallet: &Wallet, kind: OperationKind) -> Result<Operation, MonthError> {
        let id = id_of_ours(self.now)?;
        let mut operation = Operation::new(id, Owner::Wallet(wallet.id), kind, Outcome::Booked, Authority::Job);
        operation.month = wallet.month;
        operation.request_hash = Some(job_hash(&operation, self.opening.rules.month.first()));
        Ok(operation)
    }
}

async fn write(conn: &AsyncPgConnection, batch: Batch, month: Month, rows: &Rows) -> Result<(), DbError> {
    let month = month.first();
    let entered: Vec<(&Wallet, i32)> = rows.wallets.iter().map(|(wallet, scheme)| (wallet, *scheme)).collect();
    // Sent together, in this order: PostgreSQL carries one out while the next is being written.
    tokio::try_join!(
        biased;
        wallets::enter_month(conn, &entered),
        ledger::insert(conn, batch, &rows.booked),
        holds::insert_all(conn, &rows.holds),
        month_phases::insert(conn, month, &rows.phases),
        month_grants::insert(conn, &rows.grants),
        plan_months::insert(conn, month, &rows.plan),
        tasks::open(conn, month, &rows.tasks),
    )?;
    let transfers = rows.booked.iter().flat_map(|booked| &booked.operation.transfers);
    change_buffers_by(conn, transfers).await
}
