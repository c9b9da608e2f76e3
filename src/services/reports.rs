//! An organisation's reports: what they say is defined in `domain/report`. Read in one snapshot, row by row; two at once at
//! most, as each reads months of all clients.

use std::collections::BTreeMap;

use chrono::Datelike;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::sync::{Semaphore, mpsc};

use super::book::{BookError, begin, rollback};
use crate::db::connect::Database;
use crate::db::productions::{self, EntitledRow};
use crate::db::reports::{self, Months, Rows};
use crate::db::{DbError, absences, entitlements};
use crate::domain::absence::{AbsenceSettings, Away};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::month_grant::Month;
use crate::domain::production::{Production, production};
use crate::domain::report::{Cell, Report};

/// Clients that are computed at once.
const CHUNK: i64 = 1000;

static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// Rows of a report as they come; an error ends them.
#[derive(Debug)]
pub struct Reported {
    rows: mpsc::Receiver<Result<Vec<Cell>, DbError>>,
    first: Option<Vec<Cell>>,
}

impl Reported {
    /// The next row; none after the last.
    pub fn poll_row(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Vec<Cell>, DbError>>> {
        match self.first.take() {
            Some(row) => std::task::Poll::Ready(Some(Ok(row))),
            None => self.rows.poll_recv(context),
        }
    }
}

/// Begins a report over months; answers once its first row is there, so that what fails at once is told as a problem.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn begin_report(
    database: &Database,
    organisation: OrganisationId,
    report: Report,
    months: Months,
) -> Result<Reported, BookError> {
    let (sender, mut rows) = Rows::new();
    let database = database.clone();
    tokio::spawn(async move {
        if let Err(error) = run(&database, organisation, report, months, &sender).await {
            tracing::error!(%error, report = report.name(), "a report broke off");
            sender.send(Err(error)).await;
        }
    });
    let first = rows.recv().await.transpose()?;
    Ok(Reported { rows, first })
}

async fn run(
    database: &Database,
    organisation: OrganisationId,
    report: Report,
    months: Months,
    rows: &Rows,
) -> Result<(), DbError> {
    let _turn = AT_ONCE.acquire().await;
    let mut conn = database.connection().await.map_err(|error| DbError::Unreachable(error.to_string()))?;
    begin(&mut conn).await?;
    // One snapshot, and an end: whoever cleans up old rows waits for it.
    let snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = '5min'";
    let worked = match conn.batch_execute(snapshot).await {
        Ok(()) => rows_of(&conn, organisation, report, months, rows).await,
        Err(error) => Err(error.into()),
    };
    // The connection may be gone with its transaction; the pool checks before it hands it out again.
    let _ = rollback(&mut conn).await;
    worked
}

async fn rows_of(
    conn: &AsyncPgConnection,
    organisation: OrganisationId,
    report: Report,
    months: Months,
    rows: &Rows,
) -> Result<(), DbError> {
    match report {
        Report::Production => declared(conn, organisation, months, rows).await,
        Report::ProductionDifferences => differences(conn, organisation, months, rows).await,
        Report::Use => reports::usage(conn, organisation, months, rows).await,
        Report::Waivers => reports::waivers(conn, organisation, months, rows).await,
        Report::Overruns => reports::overruns(conn, organisation, months, rows).await,
        Report::Savings => reports::savings(conn, organisation, months, rows).await,
        Report::Buffer => reports::buffer(conn, organisation, months, rows).await,
        Report::Money => reports::money(conn, organisation, months, rows).await,
    }
}

fn each_month(months: Months) -> impl Iterator<Item = Month> {
    let next = |month: &chrono::NaiveDate| month.checked_add_months(chrono::Months::new(1));
    let firsts = std::iter::successors(Some(months.first), next).take_while(move |month| *month <= months.last);
    firsts.filter_map(|first| Month::parse(&first.format("%Y-%m").to_string()))
}

/// Funded days by product code.
async fn declared(
    conn: &AsyncPgConnection,
    organisation: OrganisationId,
    months: Months,
    rows: &Rows,
) -> Result<(), DbError> {
    for month in each_month(months) {
        let mut days: BTreeMap<(String, i64), i64> = BTreeMap::new();
        let mut month_of = MonthOf::load(conn, organisation, month).await?;
        while let Some(clients) = month_of.next(conn).await? {
            for (_, production) in clients {
                for (product, count) in production.days {
                    *days.entry(product).or_default() += count;
                }
            }
        }
        for ((code, day_cents), count) in days {
            let row = vec![
                Cell::month(month.first()),
                Cell::Text(code),
                Cell::Number(count),
                Cell::Cents(day_cents),
                Cell::Cents(day_cents.saturating_mul(count)),
            ];
            if !rows.send(Ok(row)).await {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Where a client's month by today's data is not what was granted.
async fn differences(
    conn: &AsyncPgConnection,
    organisation: OrganisationId,
    months: Months,
    rows: &Rows,
) -> Result<(), DbError> {
    for month in each_month(months) {
        let mut month_of = MonthOf::load(conn, organisation, month).await?;
        while let Some(clients) = month_of.next(conn).await? {
            for (client, production) in clients {
                if let Some(row) = difference(month, &client, &production)
                    && !rows.send(Ok(row)).await
                {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn difference(month: Month, client: &EntitledRow, production: &Production) -> Option<Vec<Cell>> {
    let granted = client.granted;
    let granted_cents = granted.and_then(|granted| granted.cents);
    let difference = granted_cents.map(|cents| production.cents.saturating_sub(cents));
    let is_as_granted = granted.is_some_and(|granted| granted.days == production.funded_days)
        && difference.is_none_or(|difference| difference == 0);
    if is_as_granted && production.undeclared.is_none() {
        return None;
    }
    let cents = |cents: Option<i64>| cents.map_or(Cell::Empty, Cell::Cents);
    let problem = match (production.undeclared, granted) {
        (Some((_, undeclared)), _) => Cell::Text(undeclared.name().to_owned()),
        (None, None) => Cell::Text("not_granted".to_owned()),
        (None, Some(_)) => Cell::Empty,
    };
    Some(vec![
        Cell::month(month.first()),
        Cell::Number(client.number.into()),
        Cell::Number(production.funded_days),
        granted.map_or(Cell::Empty, |granted| Cell::Number(granted.days)),
        Cell::Cents(production.cents),
        cents(granted_cents),
        cents(difference),
        problem,
        production.undeclared.map(|(day, _)| day).into(),
    ])
}

/// All clients' productions of a month, a chunk at a time.
struct MonthOf {
    organisation: OrganisationId,
    month: Month,
    tariffs: std::collections::HashMap<crate::domain::indication::Package, Vec<crate::domain::production::Product>>,
    settings: AbsenceSettings,
    after: i64,
}

impl MonthOf {
    async fn load(conn: &AsyncPgConnection, organisation: OrganisationId, month: Month) -> Result<Self, DbError> {
        let tariffs = productions::tariffs(conn, organisation, month.first()).await?;
        let settings = absences::settings(conn, &[organisation]).await?.remove(&organisation).unwrap_or_default();
        Ok(Self { organisation, month, tariffs, settings, after: 0 })
    }

    async fn next(&mut self, conn: &AsyncPgConnection) -> Result<Option<Vec<(EntitledRow, Production)>>, DbError> {
        let first = self.month.first();
        let clients = productions::entitled(conn, self.organisation, first, self.after, CHUNK).await?;
        let Some(last) = clients.last() else { return Ok(None) };
        self.after = last.wallet.field();
        let wallets: Vec<WalletId> = clients.iter().map(|client| client.wallet).collect();
        let indications = entitlements::indications(conn, &wallets).await?;
        let additions = productions::additions(conn, &wallets, first).await?;
        let away = absences::of_wallets(conn, &wallets).await?;
        let left = entitlements::left(conn, &wallets).await?;
        let of = |client: EntitledRow| {
            let indications = indications.get(&client.wallet).map_or(&[][..], Vec::as_slice);
            let unfunded = away.get(&client.wallet).map_or(0, |away| {
                let settings = &self.settings;
                let (absences, arrived_on) = (&away.absences, client.arrived_on);
                Away { absences, arrived_on, indications, settings }.unfunded_days(self.month)
            });
            let is_gone = |day: &chrono::NaiveDate| left.get(&client.wallet).is_some_and(|last| day > last);
            let unfunded = self.month.days().filter(is_gone).fold(unfunded, |bits, day| bits | 1 << day.day0());
            let tariffs = |package: &_| self.tariffs.get(package).cloned().unwrap_or_default();
            let additions = additions.get(&client.wallet).map_or(&[][..], Vec::as_slice);
            let production = production(self.month, tariffs, indications, additions, unfunded);
            (client, production)
        };
        Ok(Some(clients.into_iter().map(of).collect()))
    }
}
