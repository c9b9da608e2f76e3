//! How clients' months stand: colour with its numbers, forecast, and the sheet for re-indication. Red opens a task.

use std::collections::HashMap;

use chrono::{Datelike, NaiveDate};
use diesel_async::AsyncPgConnection;

use super::absences::OfClient;
use super::months::Watch;
use super::plan_books::PlanError;
use super::planned_days;
use crate::db::connect::Database;
use crate::db::paid::{self, PaidRow};
use crate::db::tasks::{self, TaskKind};
use crate::db::{client_records, corrupt, month_grants, months, plan_months, wallets};
use crate::domain::account::{Kind, OrganisationId, WalletId};
use crate::domain::colour::{Colour, Paid, Standing, committed, is_payable_from_budget, standing};
use crate::domain::delivery::MonthLine;
use crate::domain::evidence::{Given, What, sheet};
use crate::domain::forecast::{Forecast, forecast};
use crate::domain::funding::{LineKind, PurseName};
use crate::domain::money::{Amount, AmountError};
use crate::domain::month_grant::Month;
use crate::domain::plan_line::PlannedLine;
use crate::domain::recurrence::Recurrences;
use crate::domain::request::Problem;
use crate::domain::wallet::Wallet;

/// A wallet's month with all that its colour follows from.
#[derive(Clone, Debug)]
pub struct Stands {
    /// The colour and its numbers.
    pub standing: Standing,
    /// What the rest of the month will cost.
    pub forecast: Forecast,
    lines: Vec<MonthLine>,
    paid: Vec<PaidRow>,
}

/// How wallets stand in a month that was opened for them and that they are in. Others are missing from the answer.
///
/// # Errors
/// [`PlanError`].
pub async fn of_wallets(
    conn: &AsyncPgConnection,
    ids: &[WalletId],
    month: Month,
) -> Result<HashMap<WalletId, Stands>, PlanError> {
    let first = month.first();
    let found = wallets::read(conn, wallets::look(conn, ids).await?).await?;
    let mut grants = month_grants::of_month(conn, ids, first).await?;
    let mut lines = plan_months::of_month(conn, ids, first).await?;
    let mut paid = paid::of_month(conn, ids, first).await?;
    let mut agreed: HashMap<WalletId, Vec<(PlannedLine, u32)>> = HashMap::new();
    for (line, days) in planned_days::of_month(conn, ids, month, &mut Recurrences::default()).await? {
        agreed.entry(line.wallet).or_default().push((line, days));
    }
    let mut all = HashMap::new();
    for wallet in found.into_iter().filter(|wallet| wallet.month == Some(first)) {
        let Some(grant) = grants.remove(&wallet.id).and_then(|mut revisions| revisions.pop()) else { continue };
        let [.., budget] = grant.units;
        let mut lines = lines.remove(&wallet.id).unwrap_or_default();
        // what was agreed since the month was opened counts before the daily job comes by
        for (line, days) in agreed.remove(&wallet.id).unwrap_or_default() {
            match lines.iter_mut().find(|known| known.line == line.id) {
                Some(known) => known.planned |= days,
                None => lines.push(MonthLine::new(&line, &wallet, days)),
            }
        }
        let paid = paid.remove(&wallet.id).unwrap_or_default();
        let stands = stands(&wallet, month, budget, lines, paid).map_err(|_| corrupt("a month's amounts"))?;
        all.insert(wallet.id, stands);
    }
    Ok(all)
}

fn stands(
    wallet: &Wallet,
    month: Month,
    budget: i64,
    lines: Vec<MonthLine>,
    rows: Vec<PaidRow>,
) -> Result<Stands, AmountError> {
    let budget = Amount::new(budget, wallet.unit)?;
    let paid: Vec<Paid> = rows.iter().map(|row| row.paid).collect();
    let spent: i64 = paid.iter().filter(|paid| paid.payer == Kind::Reserve).map(|paid| paid.minor).sum();
    let reserve = Amount::new(wallet.purse(PurseName::Reserve).balance.minor().saturating_add(spent), wallet.unit)?;
    let committed = committed(&lines, &paid, wallet.rules, budget)?;
    let standing = standing(committed, budget, reserve, wallet.rules.unplanned)?;
    let forecast = forecast(month, &lines, wallet.rules, wallet.purse(PurseName::Budget))?;
    Ok(Stands { standing, forecast, lines, paid: rows })
}

/// How a client's month stands; none before it is opened and after it is closed.
///
/// # Errors
/// [`PlanError`].
pub async fn of_client(database: &Database, of: OfClient, month: Month) -> Result<Option<Stands>, PlanError> {
    if of.wallet.organisation() != of.organisation {
        return Err(PlanError::Unknown("client"));
    }
    Ok(of_wallets(&*database.connection().await?, &[of.wallet], month).await?.remove(&of.wallet))
}

/// The printable sheet for re-indication, as plain text; none where the month does not stand. `whose`: as the client is known on paper.
///
/// # Errors
/// [`PlanError`].
pub async fn evidence(
    database: &Database,
    of: OfClient,
    month: Month,
    whose: &str,
) -> Result<Option<String>, PlanError> {
    let Some(stands) = of_client(database, of, month).await? else { return Ok(None) };
    let planned = stands.lines.iter().map(|line| line.service);
    let services = planned.chain(stands.paid.iter().map(|row| row.service)).collect();
    let names = client_records::service_names(&*database.connection().await?, services).await?;
    Ok(Some(sheet(whose, month, &stands.standing, &given(&stands, month, &names))))
}

/// What was given and planned, day by day.
fn given(stands: &Stands, month: Month, names: &HashMap<uuid::Uuid, String>) -> Vec<Given> {
    let name = |service: &uuid::Uuid| names.get(service).cloned().unwrap_or_default();
    let mut all = Vec::new();
    for line in &stands.lines {
        let minor = line.units.map_or(0, Amount::minor);
        for day in month.days() {
            let bit = 1 << day.day0();
            let what = match () {
                () if line.open() & bit != 0 => What::Open,
                () if line.done & bit != 0 => What::Done,
                () if line.released & bit != 0 => What::GivenUp,
                () => continue,
            };
            all.push(Given { day, service: name(&line.service), what, minor });
        }
    }
    let unplanned = stands.paid.iter().filter(|row| !row.paid.is_planned && row.paid.kind == LineKind::Care);
    let mut sums: std::collections::BTreeMap<(NaiveDate, uuid::Uuid), i64> = std::collections::BTreeMap::new();
    for row in unplanned {
        *sums.entry((row.day, row.service)).or_default() += row.paid.minor;
    }
    let unplanned = sums.into_iter().filter(|(_, minor)| *minor != 0);
    all.extend(unplanned.map(|((day, service), minor)| Given {
        day,
        service: name(&service),
        what: What::Unplanned,
        minor,
    }));
    all
}

/// Wallets that are looked at together.
const AT_ONCE: i64 = 500;

/// Opens a task for each client of an organisation whose month is red, with the amount beyond. Answers how many are red. Again on the
/// same day it opens nothing new. Who is told to stop, stops early.
///
/// # Errors
/// [`PlanError`].
pub async fn tell_red(
    database: &Database,
    organisation: OrganisationId,
    month: Month,
    watch: &Watch,
) -> Result<usize, PlanError> {
    let conn = database.connection().await?;
    let (mut after, mut red) = (i64::MIN, 0);
    while !watch.is_stopped() {
        let ids = months::in_month(&conn, organisation, month.first(), after, AT_ONCE).await?;
        let Some(last) = ids.last() else { return Ok(red) };
        after = last.field();
        let stands = of_wallets(&conn, &ids, month).await?;
        let is_red = |id: &WalletId| stands.get(id).filter(|stands| stands.standing.colour == Colour::Red);
        let rows: Vec<_> =
            ids.iter().filter_map(|id| Some((*id, TaskKind::Red, Some(is_red(id)?.standing.beyond.minor())))).collect();
        red += rows.len();
        tasks::open(&conn, month.first(), &rows).await?;
    }
    Ok(red)
}

/// Whether something may be added to a client's plan: in orange and red only care is, and what the package includes anyhow. Source: E
/// (Amsta), W 3.1.1.
///
/// # Errors
/// [`PlanError::Refused`].
pub(super) async fn check_addition(
    conn: &AsyncPgConnection,
    wallet: &Wallet,
    line: &PlannedLine,
) -> Result<(), PlanError> {
    let is_burden = is_payable_from_budget(line.kind, wallet.rules) && !line.kind.is_never_refused() && !line.is_free();
    let month = wallet.month.and_then(|first| Month::new(first.year(), first.month()));
    let (Some(month), true) = (month, is_burden) else { return Ok(()) };
    let stands = of_wallets(conn, &[wallet.id], month).await?.remove(&wallet.id);
    let is_closed = stands.is_some_and(|stands| stands.standing.is_closed_to_more());
    let why = "the month is orange or red: only care may be added until something else is dropped";
    if is_closed { Err(PlanError::Refused(why)) } else { Ok(()) }
}

impl From<AmountError> for PlanError {
    fn from(error: AmountError) -> PlanError {
        Problem::from(error).into()
    }
}
