//! Clients and representatives.

use std::collections::HashMap;

use chrono::{Datelike, NaiveDate};
use uuid::Uuid;

use super::{Import, ImportError, Report, place, report, to_write, with_wallets};
use crate::db::imports::people::{self as rows_of, NewClient, wallets_by_number};
use crate::db::schemes::{self, SchemeRow};
use crate::db::{DbError, corrupt};
use crate::domain::import::{At, ChangeKind, ClientRow, Errors, RepresentativeRow};

pub(super) async fn clients(import: &mut Import<'_>, rows: &[At<ClientRow>]) -> Result<Report, ImportError> {
    let there = rows_of::clients(import.conn, import.organisation).await?;
    let wallets: HashMap<i32, i64> = there.iter().map(|(wallet, row)| (row.number, *wallet)).collect();
    let there: Vec<ClientRow> = there.into_iter().map(|(_, row)| row).collect();
    let schemes = schemes::list(import.conn, Some(import.organisation)).await?;
    let usable = usable(&schemes, import.today)?;
    let locations = locations(&rows_of::locations(import.conn, import.organisation).await?);
    check(rows, &there, &schemes, &usable, &locations)?;
    let report = report(rows, &there, |row| row.number);
    let location = |row: &ClientRow| row.location.as_ref().and_then(|name| locations.get(name).copied().flatten());
    let mut new = Vec::new();
    let mut changed = Vec::new();
    for (at, change) in rows.iter().zip(&report.changes) {
        match change.kind {
            ChangeKind::Unchanged => {}
            ChangeKind::Changed(_) => {
                changed.push((place(wallets.get(&at.row.number).copied())?, &at.row, location(&at.row)));
            }
            ChangeKind::Added => {
                let scheme = usable.get(&at.row.scheme).ok_or_else(|| corrupt("scheme.name"))?;
                let unit = i16::from(scheme.unit.code());
                new.push(NewClient { row: &at.row, scheme: scheme.id, unit, location: location(&at.row) });
            }
        }
    }
    rows_of::add_clients(import.conn, import.organisation, &new).await?;
    rows_of::change_clients(import.conn, &changed).await?;
    Ok(report)
}

/// By name, the version that is used this month, or else the first that will be.
fn usable(schemes: &[SchemeRow], today: NaiveDate) -> Result<HashMap<String, &SchemeRow>, DbError> {
    let month = today.with_day(1).ok_or_else(|| corrupt("a date"))?;
    let mut usable: HashMap<String, &SchemeRow> = HashMap::new();
    let started = |row: &SchemeRow| row.from.is_some_and(|from| from <= month);
    // by version, so by month: the last that has started, and before that the first there is
    for row in schemes.iter().filter(|row| row.from.is_some()) {
        match usable.get(&row.name) {
            Some(_) if !started(row) => {}
            _ => {
                usable.insert(row.name.clone(), row);
            }
        }
    }
    Ok(usable)
}

/// By name; none where several have it.
fn locations(all: &[(String, Uuid)]) -> HashMap<String, Option<Uuid>> {
    let mut locations = HashMap::new();
    for (name, id) in all {
        locations.entry(name.clone()).and_modify(|known| *known = None).or_insert(Some(*id));
    }
    locations
}

fn check(
    rows: &[At<ClientRow>],
    there: &[ClientRow],
    schemes: &[SchemeRow],
    usable: &HashMap<String, &SchemeRow>,
    locations: &HashMap<String, Option<Uuid>>,
) -> Result<(), Errors> {
    let there: HashMap<i32, &ClientRow> = there.iter().map(|row| (row.number, row)).collect();
    let mut errors = Errors::default();
    for At { line, row } in rows {
        match there.get(&row.number) {
            Some(known) if known.scheme != row.scheme => {
                let what = format!(
                    "client {} is in {}: a client's scheme does not change by import",
                    row.number, known.scheme
                );
                errors.push(*line, "scheme", what);
            }
            None if !usable.contains_key(&row.scheme) => {
                let name = &row.scheme;
                let what = if schemes.iter().any(|scheme| scheme.name == *name) {
                    format!("{name} has no month from which on it is used: `pasje scheme adopt` its file")
                } else {
                    let mut known: Vec<&str> = usable.keys().map(String::as_str).collect();
                    known.sort_unstable();
                    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                    format!("there is no scheme {name} (there are: {known}): `pasje scheme adopt` its file")
                };
                errors.push(*line, "scheme", what);
            }
            _ => {}
        }
        match row.location.as_ref().map(|name| (name, locations.get(name))) {
            Some((name, None)) => errors.push(*line, "location", format!("there is no location {name}")),
            Some((name, Some(None))) => errors.push(*line, "location", format!("several locations are called {name}")),
            _ => {}
        }
    }
    errors.or(())
}

pub(super) async fn representatives(
    import: &mut Import<'_>,
    rows: &[At<RepresentativeRow>],
) -> Result<Report, ImportError> {
    let wallets = wallets_by_number(import.conn, import.organisation).await?;
    with_wallets(rows, &wallets, |row| row.client)?;
    let there = rows_of::representatives(import.conn, import.organisation).await?;
    let report = report(rows, &there, |row| (row.client, row.name.clone(), row.role, row.period.from));
    let changed = to_write(rows, &report);
    let changed = changed.into_iter().map(|row| Ok((place(wallets.get(&row.client).copied())?, row)));
    let changed: Vec<(i64, &RepresentativeRow)> = changed.collect::<Result<_, ImportError>>()?;
    rows_of::write_representatives(import.conn, &changed).await?;
    Ok(report)
}
