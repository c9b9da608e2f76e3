//! How long absence is funded.

use super::cell::{Cells, rows};
use super::sheet::{Column, needed};
use super::{At, Errors, told_once};
use crate::domain::absence::AbsenceSetting;

/// Nothing is funded for longer than that without a day on which somebody says so.
const DAYS_MAX: i64 = 9_999;

/// How long absence is funded, for a delivery form from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AbsenceSettingRow {
    pub setting: AbsenceSetting,
    /// Where it stands.
    pub source: String,
}

const ABSENCE_SETTINGS: &[Column] = &[
    needed("delivery", "leveringsvorm"),
    needed("from", "van"),
    needed("medical_days", "dagen_ziekenhuis"),
    needed("holiday_days_each", "dagen_per_vakantie"),
    needed("holiday_days_year", "vakantiedagen_per_jaar"),
    needed("holiday_after_days", "vakantie_na_dagen"),
    needed("source", "bron"),
];

/// Reads settings. Each holds until the next of its delivery form begins: two that begin on one day are refused.
///
/// # Errors
/// All that is wrong with the file.
pub fn absence_settings(bytes: &[u8]) -> Result<Vec<At<AbsenceSettingRow>>, Errors> {
    let mut errors = Errors::default();
    let rows = rows(bytes, ABSENCE_SETTINGS, &mut errors, setting);
    let what =
        |row: &AbsenceSettingRow| format!("the setting of {} from {}", row.setting.delivery.name(), row.setting.from);
    told_once(&rows, |row| (row.setting.delivery, row.setting.from), what, &mut errors);
    errors.or(rows)
}

fn setting(cells: &mut Cells<'_>) -> Option<AbsenceSettingRow> {
    let (delivery, from) = (cells.delivery(), cells.date("from"));
    let medical_days = days(cells, "medical_days");
    let (each, year) = (days(cells, "holiday_days_each"), days(cells, "holiday_days_year"));
    let (after, source) = (days(cells, "holiday_after_days"), cells.text("source", 200));
    if let (Some(each), Some(year)) = (each, year)
        && each > year
    {
        let what = format!("one holiday of {each} days does not fit in the {year} of a year");
        cells.wrong("holiday_days_each", what);
        return None;
    }
    Some(AbsenceSettingRow {
        setting: AbsenceSetting {
            delivery: delivery?,
            from: from?,
            medical_days: medical_days?,
            holiday_days_each: each?,
            holiday_days_year: year?,
            holiday_after_days: after?,
        },
        source: source?,
    })
}

fn days(cells: &mut Cells<'_>, name: &str) -> Option<u32> {
    let days = cells.number_or_none(name, 0, 0..=DAYS_MAX)?;
    if days.is_none() {
        cells.wrong(name, "the field is empty: write a number of days");
    }
    u32::try_from(days?).ok()
}
