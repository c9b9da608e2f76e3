//! Services and their prices.

use std::collections::HashMap;

use chrono::{Datelike, NaiveDate};
use uuid::Uuid;

use super::{Import, ImportError, Report, report, to_write};
use crate::db::corrupt;
use crate::db::imports::offer as rows_of;
use crate::domain::import::{At, CodedPrice, Errors, PriceRow, ServiceRow};
use crate::domain::money::{Amount, Unit};
use crate::domain::month_grant::Month;
use crate::domain::offer::{self, ServicePrice};
use crate::services::publish::point_value;

pub(super) async fn services(import: &mut Import<'_>, rows: &[At<ServiceRow>]) -> Result<Report, ImportError> {
    let there = rows_of::services(import.conn, import.organisation).await?;
    let ids: HashMap<String, Uuid> = there.iter().map(|(id, row)| (row.code.clone(), *id)).collect();
    let there: Vec<ServiceRow> = there.into_iter().map(|(_, row)| row).collect();
    let report = report(rows, &there, |row| row.code.clone());
    let changed = to_write(rows, &report);
    let changed = changed.into_iter().map(|row| (ids.get(&row.code).copied().unwrap_or_else(Uuid::new_v4), row));
    rows_of::write_services(import.conn, import.organisation, &changed.collect::<Vec<_>>()).await?;
    Ok(report)
}

pub(super) async fn prices(import: &mut Import<'_>, rows: &[At<PriceRow>]) -> Result<Report, ImportError> {
    let services = rows_of::services(import.conn, import.organisation).await?;
    let services: HashMap<String, Uuid> = services.into_iter().map(|(id, row)| (row.code, id)).collect();
    let codes: HashMap<Uuid, &str> = services.iter().map(|(code, id)| (*id, code.as_str())).collect();
    let there = rows_of::prices(import.conn, import.organisation).await?;
    let there = there.into_iter().filter_map(|price| {
        let code = (*codes.get(&price.service)?).to_owned();
        Some(CodedPrice { code, price })
    });
    let there: Vec<CodedPrice> = there.collect();
    let mut values: HashMap<NaiveDate, Option<i64>> = HashMap::new();
    let mut errors = Errors::default();
    let mut priced = Vec::with_capacity(rows.len());
    for At { line, row } in rows {
        let Some(service) = services.get(&row.service) else {
            let what = format!("there is no service {}: import the services first", row.service);
            errors.push(*line, "service", what);
            continue;
        };
        let first = row.from.with_day(1).ok_or_else(|| corrupt("a date"))?;
        let value = match values.get(&first) {
            Some(value) => *value,
            None => {
                let month = Month::new(first.year(), first.month()).ok_or_else(|| corrupt("a month"))?;
                let value = point_value(import.conn, import.organisation, month).await?;
                values.insert(first, value);
                value
            }
        };
        match with_points(row, *service, value) {
            Ok(price) => priced.push(At { line: *line, row: CodedPrice { code: row.service.clone(), price } }),
            Err(error) => errors.push(*line, "price", error.to_string()),
        }
    }
    let priced = errors.or(priced)?;
    let report = report(&priced, &there, |row| (row.price.service, row.price.function.clone(), row.price.from));
    let changed: Vec<&ServicePrice> = to_write(&priced, &report).into_iter().map(|row| &row.price).collect();
    rows_of::write_prices(import.conn, &changed).await?;
    Ok(report)
}

/// Points follow from the price by the value that is published for its first day, unless they are its own.
fn with_points(
    row: &PriceRow,
    service: Uuid,
    value: Option<i64>,
) -> Result<ServicePrice, crate::domain::money::AmountError> {
    let (points, points_reason) = match (&row.points, value) {
        (Some((own, reason)), _) => (Some(Amount::new(*own, Unit::Pnt)?), Some(reason.clone())),
        (None, Some(value)) => (Some(offer::points(row.price, value)?), None),
        (None, None) => (None, None),
    };
    Ok(ServicePrice {
        service,
        function: row.function.clone(),
        from: row.from,
        price: row.price,
        minutes: row.minutes.map(|minutes| Amount::new(minutes, Unit::Min)).transpose()?,
        points,
        points_reason,
    })
}
