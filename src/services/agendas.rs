//! A client's agenda as an iCalendar feed. Its address is a secret of 256 bits that can be withdrawn; only what it hashes to is kept. The
//! feed says what, when and who performs it: no client's name, no price.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;
use icalendar::{Calendar, Component as _, Event, EventLike as _};
use sha2::{Digest as _, Sha256};

use super::absences::OfClient;
use super::plan_books::{PlanBooks, PlanError};
use super::planned_days;
use crate::db::connect::Database;
use crate::db::{DbError, agendas, client_records, corrupt, plans};
use crate::domain::account::WalletId;
use crate::domain::month_grant::Month;
use crate::domain::occurrence::OccurrenceId;
use crate::domain::plan_line::Performer;
use crate::domain::recurrence::Recurrences;

/// Shown are the month before this one, this one and the two that follow.
const MONTHS_BACK: u32 = 1;
const MONTHS_SHOWN: u32 = 4;
/// Of a secret.
const SECRET_BYTES: usize = 32;

/// Makes a new address for a client's agenda and answers its secret, which is told once. Earlier addresses stay good.
///
/// # Errors
/// [`PlanError`].
pub async fn make(database: &Database, of: OfClient, now: DateTime<Utc>) -> Result<String, PlanError> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(|error| DbError::Unreachable(format!("no randomness: {error}")))?;
    let mut connection = database.connection().await?;
    let books = PlanBooks::open(&mut connection, of.organisation, of.wallet, now).await?;
    let done = if books.wallet.is_closed {
        Err(PlanError::Refused("the client has left for good"))
    } else {
        agendas::insert(books.conn, of.wallet, Sha256::digest(secret).into()).await.map_err(PlanError::from)
    };
    books.end(done).await?;
    Ok(URL_SAFE_NO_PAD.encode(secret))
}

/// Withdraws all addresses of a client's agenda; answers how many.
///
/// # Errors
/// [`PlanError`].
pub async fn withdraw(database: &Database, of: OfClient, now: DateTime<Utc>) -> Result<usize, PlanError> {
    let mut connection = database.connection().await?;
    let books = PlanBooks::open(&mut connection, of.organisation, of.wallet, now).await?;
    let done = agendas::withdraw(books.conn, of.wallet, now).await.map_err(PlanError::from);
    books.end(done).await
}

/// The agenda at a secret address; none where it is unknown or withdrawn: nobody can tell which.
///
/// # Errors
/// [`PlanError`].
pub async fn feed(database: &Database, secret: &str, now: DateTime<Utc>) -> Result<Option<String>, PlanError> {
    let Ok(secret) = URL_SAFE_NO_PAD.decode(secret) else { return Ok(None) };
    if secret.len() != SECRET_BYTES {
        return Ok(None);
    }
    let conn = database.connection().await?;
    let Some(wallet) = agendas::find(&conn, Sha256::digest(&secret).into()).await? else { return Ok(None) };
    Ok(Some(calendar(&conn, wallet, now).await?))
}

struct Entry {
    id: OccurrenceId,
    at: chrono::NaiveDateTime,
    minutes: u16,
    service: uuid::Uuid,
    performer: Performer,
}

async fn calendar(conn: &AsyncPgConnection, wallet: WalletId, now: DateTime<Utc>) -> Result<String, PlanError> {
    let today = agendas::local_time(conn, wallet.organisation(), now).await?.date();
    let entries = entries(conn, wallet, today).await?;
    let names = client_records::service_names(conn, entries.iter().map(|entry| entry.service).collect()).await?;
    let local = entries.iter().map(|entry| entry.at).collect();
    let moments = agendas::moments(conn, wallet.organisation(), local).await?;
    let mut calendar = Calendar::empty();
    calendar.append_property(("VERSION", "2.0"));
    calendar.append_property(("PRODID", "-//Pasje//Agenda//NL"));
    calendar.append_property(("CALSCALE", "GREGORIAN"));
    calendar.append_property(("METHOD", "PUBLISH"));
    calendar.append_property(("NAME", "Agenda"));
    calendar.append_property(("X-WR-CALNAME", "Agenda"));
    calendar.append_property(("REFRESH-INTERVAL;VALUE=DURATION", "PT1H"));
    for (entry, at) in entries.iter().zip(moments) {
        let mut event = Event::with_uid(&format!("{}@pasje", entry.id.uuid()));
        event
            .timestamp(now)
            .starts(at)
            .ends(at + Duration::minutes(entry.minutes.into()))
            .summary(names.get(&entry.service).map_or("Afspraak", String::as_str))
            .description(performed_by(entry.performer))
            .class(icalendar::Class::Private);
        calendar.push(event.done());
    }
    Ok(calendar.to_string())
}

const fn performed_by(performer: Performer) -> &'static str {
    match performer {
        Performer::Staff => "door een medewerker",
        Performer::External => "door een dienstverlener van buiten",
        Performer::Volunteer => "door een vrijwilliger",
        Performer::Family => "door familie",
        Performer::Client => "door uzelf",
    }
}

/// The planned days that are shown, by time.
async fn entries(conn: &AsyncPgConnection, wallet: WalletId, today: NaiveDate) -> Result<Vec<Entry>, PlanError> {
    let details = plans::details(conn, &[wallet]).await?;
    let mut known = Recurrences::default();
    let mut entries = Vec::new();
    let begins = today.with_day(1).and_then(|first| first.checked_sub_months(Months::new(MONTHS_BACK)));
    for later in 0..MONTHS_SHOWN {
        let first = begins.and_then(|first| first.checked_add_months(Months::new(later)));
        let month = first.and_then(|first| Month::new(first.year(), first.month())).ok_or_else(|| corrupt("today"))?;
        for (line, days) in planned_days::of_month(conn, &[wallet], month, &mut known).await? {
            for day in month.days().filter(|day| days & (1 << day.day0()) != 0) {
                let id = OccurrenceId::of(line.id, day).ok_or_else(|| corrupt("plan_line.starts_at"))?;
                let minutes = details.get(&line.id).map_or(0, |detail| detail.duration_minutes);
                let (service, performer) = (line.service, line.performer);
                entries.push(Entry { id, at: day.and_time(line.starts_at.time()), minutes, service, performer });
            }
        }
    }
    entries.sort_by_key(|entry| (entry.at, entry.id));
    Ok(entries)
}
