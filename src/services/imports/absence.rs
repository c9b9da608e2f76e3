//! How long absence is funded. Each setting holds until the next of its delivery form begins, so none overlaps another.

use super::{Import, ImportError, Report, report, to_write};
use crate::db::imports::absence as rows_of;
use crate::domain::import::{AbsenceSettingRow, At};

pub(super) async fn settings(import: &mut Import<'_>, rows: &[At<AbsenceSettingRow>]) -> Result<Report, ImportError> {
    let there = rows_of::settings(import.conn, import.organisation).await?;
    let report = report(rows, &there, |row| (row.setting.delivery, row.setting.from));
    let changed = to_write(rows, &report);
    rows_of::write_settings(import.conn, import.organisation, &changed).await?;
    Ok(report)
}
