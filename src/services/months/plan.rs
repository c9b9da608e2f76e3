//! The plans of a chunk's clients in a month: what their lines say now, and what became of their days.

use std::collections::{BTreeMap, HashMap};

use diesel_async::AsyncPgConnection;

use crate::db::{DbError, plan_months, plans};
use crate::domain::account::WalletId;
use crate::domain::delivery::{Delivered, Delivery, MonthLine};
use crate::domain::month_grant::Month;
use crate::domain::occurrence::LineId;
use crate::domain::operation::OperationId;
use crate::domain::plan_line::PlannedLine;
use crate::domain::recurrence::Recurrences;
use crate::domain::request::Problem;
use crate::domain::wallet::Wallet;

/// Read once a chunk.
pub(super) struct Plans {
    month: Month,
    agreed: HashMap<WalletId, Vec<PlannedLine>>,
    months: HashMap<WalletId, Vec<MonthLine>>,
    marked: HashMap<LineId, u32>,
    known: Recurrences,
}

/// A line of a month, as it stood and as it is.
pub(super) struct Line {
    pub before: Option<MonthLine>,
    /// Days that are not planned any more, and days that were marked: to be released whenever somebody comes by.
    pub gone: u32,
}

impl Plans {
    /// What is agreed, for a month that is opened.
    pub async fn agreed(conn: &AsyncPgConnection, wallets: &[WalletId], month: Month) -> Result<Plans, DbError> {
        let mut agreed: HashMap<WalletId, Vec<PlannedLine>> = HashMap::new();
        let (lines, marked) = tokio::try_join!(
            biased;
            plans::of_month(conn, wallets, month),
            plan_months::marked(conn, wallets, month.first()),
        )?;
        for line in lines {
            agreed.entry(line.wallet).or_default().push(line);
        }
        Ok(Plans { month, agreed, months: HashMap::new(), marked, known: Recurrences::default() })
    }

    /// And what became of it, for a month that goes on.
    pub async fn load(conn: &AsyncPgConnection, wallets: &[WalletId], month: Month) -> Result<Plans, DbError> {
        let (plans, months) = tokio::try_join!(
            biased;
            Plans::agreed(conn, wallets, month),
            plan_months::of_month(conn, wallets, month.first()),
        )?;
        Ok(Plans { months, ..plans })
    }

    /// The lines of a wallet that have planned days, by id; absent days are not planned, and those that were marked beforehand are
    /// given up already.
    pub fn lines_of(&mut self, wallet: &Wallet, absent: u32) -> Vec<MonthLine> {
        let agreed = self.agreed.remove(&wallet.id).unwrap_or_default();
        let lines = agreed.iter().filter_map(|line| {
            let planned = days_of(line, self.month, &mut self.known) & !absent;
            let released = planned & self.marked.get(&line.id).copied().unwrap_or(0);
            (planned != 0).then(|| MonthLine { released, ..MonthLine::new(line, wallet, planned) })
        });
        lines.collect()
    }

    /// The lines of a wallet in a month that goes on: those it had, with days that were agreed since, and new ones. Days of new
    /// ones are planned and not held: a month has one hold.
    pub fn lines_now(&mut self, wallet: &Wallet, absent: u32) -> (Vec<MonthLine>, Vec<Line>) {
        let agreed = self.agreed.remove(&wallet.id).unwrap_or_default();
        let mut named: BTreeMap<LineId, (u32, &PlannedLine)> = BTreeMap::new();
        for line in &agreed {
            named.insert(line.id, (days_of(line, self.month, &mut self.known), line));
        }
        let (mut lines, mut kept) = (Vec::new(), Vec::new());
        for before in self.months.remove(&wallet.id).unwrap_or_default() {
            let days = named.remove(&before.line).map_or(0, |(days, _)| days);
            let marked = self.marked.get(&before.line).copied().unwrap_or(0);
            let now = MonthLine { planned: before.planned | (days & !absent), ..before.clone() };
            kept.push(Line { gone: now.open() & (!days | marked), before: Some(before) });
            lines.push(now);
        }
        for (days, line) in named.into_values() {
            let planned = days & !absent;
            if planned != 0 {
                let marked = self.marked.get(&line.id).copied().unwrap_or(0);
                lines.push(MonthLine::new(line, wallet, planned));
                kept.push(Line { before: None, gone: planned & marked });
            }
        }
        (lines, kept)
    }
}

/// What going through a wallet's plan came to.
pub(super) struct Gone {
    pub delivered: Delivered,
    /// Lines that were agreed since the month was opened.
    pub new: Vec<MonthLine>,
    /// Lines of which days changed.
    pub changed: Vec<MonthLine>,
}

impl Plans {
    /// Delivers a wallet's open occurrences of these days; releases those on which the client is absent, and of all days those
    /// that are marked or not planned any more.
    pub fn go_through(
        &mut self,
        wallet: &mut Wallet,
        absent: u32,
        days: u32,
        id: OperationId,
        hold: Option<OperationId>,
    ) -> Result<Gone, Problem> {
        let (mut lines, kept) = self.lines_now(wallet, absent);
        let mut delivery = Delivery::new(id, wallet, self.month.first(), hold);
        for (line, kept) in lines.iter_mut().zip(&kept) {
            delivery.release(line, kept.gone | (absent & days))?;
        }
        delivery.deliver(&mut lines, days)?;
        let delivered = delivery.finish()?;
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for (line, kept) in lines.into_iter().zip(kept) {
            match kept.before {
                None => new.push(line),
                Some(before) if before != line => changed.push(line),
                Some(_) => {}
            }
        }
        Ok(Gone { delivered, new, changed })
    }
}

/// The days that a line names in a month. A recurrence that cannot be read is nobody's that was agreed by this program.
fn days_of(line: &PlannedLine, month: Month, known: &mut Recurrences) -> u32 {
    line.days_in_month(month, known).unwrap_or_else(|error| {
        tracing::error!(%error, line = %line.id.uuid(), "a plan line cannot be read: it has no days");
        0
    })
}
