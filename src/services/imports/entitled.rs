//! Tariffs, indications and additions.

use std::collections::{BTreeMap, HashMap};

use super::{Import, ImportError, Report, place, report, to_write, with_wallets};
use crate::db::imports::entitled as rows_of;
use crate::db::imports::people::wallets_by_number;
use crate::domain::import::{AdditionRow, At, Errors, IndicationRow, TariffRow};
use crate::domain::indication::Package;

pub(super) async fn tariffs(import: &mut Import<'_>, rows: &[At<TariffRow>]) -> Result<Report, ImportError> {
    let there = rows_of::tariffs(import.conn, import.organisation).await?;
    check_overlaps(rows, &there)?;
    let report = report(rows, &there, |row| (row.package.clone(), row.period.from));
    let changed = to_write(rows, &report);
    rows_of::write_tariffs(import.conn, import.organisation, &changed).await?;
    Ok(report)
}

/// Tariffs of the file against those that are there and that the file does not say anew.
fn check_overlaps(rows: &[At<TariffRow>], there: &[TariffRow]) -> Result<(), Errors> {
    let said: std::collections::HashSet<(&Package, _)> =
        rows.iter().map(|at| (&at.row.package, at.row.period.from)).collect();
    let mut kept: HashMap<&Package, Vec<&TariffRow>> = HashMap::new();
    for row in there.iter().filter(|row| !said.contains(&(&row.package, row.period.from))) {
        kept.entry(&row.package).or_default().push(row);
    }
    let mut errors = Errors::default();
    for At { line, row } in rows {
        let ends_before = |one: &TariffRow, other: &TariffRow| one.period.to.is_some_and(|to| to < other.period.from);
        let mut others = kept.get(&row.package).into_iter().flatten();
        let overlapping = others.find(|other| !ends_before(row, other) && !ends_before(other, row));
        if let Some(other) = overlapping {
            let (code, from) = (&other.code, other.period.from);
            let to = other.period.to.map_or_else(|| "without a last day".to_owned(), |to| format!("to {to}"));
            errors.push(
                *line,
                "",
                row.overlaps(&format!("the tariff {code} from {from} {to}, which is there already")),
            );
        }
    }
    errors.or(())
}

pub(super) async fn indications(import: &mut Import<'_>, rows: &[At<IndicationRow>]) -> Result<Report, ImportError> {
    let wallets = wallets_by_number(import.conn, import.organisation).await?;
    with_wallets(rows, &wallets, |row| row.client)?;
    let there = rows_of::indications(import.conn, import.organisation).await?;
    let mut report = report(rows, &there, |row| (row.client, row.period.from));
    report.notes = overlapping(rows, &there);
    let changed = to_write(rows, &report);
    let changed = changed.into_iter().map(|row| Ok((place(wallets.get(&row.client).copied())?, row)));
    let changed: Vec<(i64, &IndicationRow)> = changed.collect::<Result<_, ImportError>>()?;
    rows_of::write_indications(import.conn, &changed).await?;
    Ok(report)
}

/// Clients whose indications overlap once the file is in: months give them a provisional grant.
fn overlapping(rows: &[At<IndicationRow>], there: &[IndicationRow]) -> Vec<String> {
    let mut by_client: HashMap<i32, BTreeMap<_, &IndicationRow>> = HashMap::new();
    let file = rows.iter().map(|at| &at.row);
    for row in there.iter().chain(file.clone()) {
        by_client.entry(row.client).or_default().insert(row.period.from, row);
    }
    let mut notes = Vec::new();
    let mut named: Vec<i32> = file.map(|row| row.client).collect();
    named.sort_unstable();
    named.dedup();
    for client in named {
        let periods: Vec<_> = by_client.get(&client).into_iter().flat_map(BTreeMap::values).collect();
        for pair in periods.windows(2) {
            if let [one, other] = pair
                && one.period.to.is_none_or(|to| to >= other.period.from)
            {
                let (from, next) = (one.period.from, other.period.from);
                notes.push(format!(
                    "client {client}: the indication from {from} goes on beyond {next}, where the next begins: give it a last \
                     day, or months that have both get a provisional grant"
                ));
            }
        }
    }
    notes
}

pub(super) async fn additions(import: &mut Import<'_>, rows: &[At<AdditionRow>]) -> Result<Report, ImportError> {
    let wallets = wallets_by_number(import.conn, import.organisation).await?;
    with_wallets(rows, &wallets, |row| row.client)?;
    let there = rows_of::additions(import.conn, import.organisation).await?;
    let report = report(rows, &there, |row| (row.client, row.code.clone(), row.period.from));
    let changed = to_write(rows, &report);
    let changed = changed.into_iter().map(|row| Ok((place(wallets.get(&row.client).copied())?, row)));
    let changed: Vec<(i64, &AdditionRow)> = changed.collect::<Result<_, ImportError>>()?;
    rows_of::write_additions(import.conn, &changed).await?;
    Ok(report)
}
