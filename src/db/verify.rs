//! What `pasje verify` asks: one statement a check, over all rows at once, that answers the first row that does not fit.
//!
//! A check's text, `verify/<name>.sql`, selects a key to order by and a sentence for every wrong row. It reads one
//! snapshot, takes no row locks and keeps to joins and sums over whole tables, so that twenty million transfers are a
//! matter of minutes. Findings write `account`, `wallet`, `flow`, `kind` and `outcome` before their stored numbers;
//! `in_words` adds what they mean.

use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use super::DbError;
use super::statement::{Statement, statement};
use crate::domain::account::{Account, Kind, WalletId};
use crate::domain::flow::Flow;
use crate::domain::money::Unit;
use crate::domain::operation::{Authority, OperationKind, Outcome};

/// A question to the database, and what it promises when nothing is found.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Question {
    pub name: &'static str,
    pub promise: &'static str,
    sql: &'static str,
    bind: fn(Statement<Text>) -> Statement<Text>,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Materialised, or LIMIT 1 would make the planner hope for an early find and walk whole tables row by row.
macro_rules! question {
    ($name:literal, $promise:literal) => {
        question!($name, $promise, |statement| statement)
    };
    ($name:literal, $promise:literal, $bind:expr) => {
        Question {
            name: $name,
            promise: $promise,
            sql: concat!(
                "WITH wrong (key, finding) AS MATERIALIZED (\n",
                include_str!(concat!("verify/", $name, ".sql")),
                "\n) SELECT finding FROM wrong ORDER BY key COLLATE \"C\", finding COLLATE \"C\" LIMIT 1"
            ),
            bind: $bind,
        }
    };
}

/// All checks, in the order in which they are made: first what the tables themselves promise, then each row by itself,
/// then what rows must add up to.
pub const QUESTIONS: &[Question] = &[
    question!("partitions", "each month has its partition of every ledger table"),
    question!("triggers", "the ledger's rows cannot be changed, removed or emptied out"),
    question!("constraints", "the constraints that refuse wrong rows are in force", |statement| {
        let owned = CONSTRAINTS.iter().map(|(table, name)| ((*table).to_owned(), (*name).to_owned()));
        let (tables, names): (Vec<String>, Vec<String>) = owned.unzip();
        statement.bind(tables).bind(names)
    }),
    question!("rights", "the service may add to the ledger and change nothing in it"),
    question!("matrix", "the database allows the flows and accounts that the program allows", |statement| {
        statement.bind(flows()).bind(flows()).bind(units()).bind(kinds())
    }),
    question!("operations", "each operation has a sound header", |statement| {
        let codes = |statement: Statement<Text>| {
            let kinds = OperationKind::ALL.iter().map(|kind| i16::from(kind.code()));
            let outcomes = Outcome::ALL.iter().map(|outcome| i16::from(outcome.code()));
            let authorities = Authority::ALL.iter().map(|authority| i16::from(authority.code()));
            statement
                .bind(kinds.collect::<Vec<_>>())
                .bind(outcomes.collect::<Vec<_>>())
                .bind(authorities.collect::<Vec<_>>())
        };
        codes(codes(statement))
    }),
    question!("rows", "each line, leg and hold entry has its operation, date and batch"),
    question!("numbering", "no leg, line or hold entry is missing from the middle"),
    question!("transfers", "each transfer keeps the rules of flows and accounts", |statement| {
        statement.bind(flows()).bind(flows()).bind(units()).bind(units())
    }),
    question!("owners", "each operation moves money of its own wallet and organisation"),
    question!("bookings", "each operation books what its kind and outcome book"),
    question!("tombstones", "ids taken beforehand are taken by a void or a forward, and by nothing else"),
    question!("purses", "each purse is what its transfers leave"),
    question!("holds", "each hold has left what its entries leave"),
    question!("held", "each purse has held what is left of its holds"),
    question!("hold_entries", "each hold is set aside once, by its own operation, and given back by others"),
    question!("card_holds", "each hold of a card is captured for its own lines, and no more of them"),
    question!("shared_buffers", "each shared buffer is what its transfers leave"),
    question!("buffer_draws", "buffer draws are approved, and used for what sales took"),
    question!("wallets", "each wallet fits its scheme and its holds"),
    question!("sales", "each sale is approved for what was not left out"),
    question!("prices", "price and units of each line agree"),
    question!("legs", "each leg has its line and credits its line's kind"),
    question!("lines", "the legs of each line add up to its price"),
    question!("refunds", "refunds and voids give back what was sold, and no more of it"),
    question!("refund_legs", "each leg gives back its share, to who paid"),
    question!("grants", "grant_exchange agrees with what was granted"),
    question!("granted_months", "each month of a wallet is granted once"),
    question!("month_grants", "each month was granted and corrected to what its last revision says"),
    question!("plan_months", "each month's hold has left what its planned days need"),
    question!("occurrences", "each planned day is delivered once"),
    question!("statements", "each closed month's statement says what was booked into it"),
    question!("exchanges", "own_exchange agrees with what was bought and paid back"),
    question!("top_ups", "what is taken back of a top-up came in with it"),
    question!("cards", "each card pays for its own wallet and uses up its counter"),
    question!("counters", "each counter of a card is used once"),
    question!("counter_windows", "each card remembers the counters that were used"),
    question!("hotlist", "each card that does not pay is on the hotlist, and no other"),
    question!(
        "card_scripts",
        "what a card is told is numbered as it was queued, said once, and names keys that it has"
    ),
    question!("settlements", "own money pays an offline loss once, and never more than was lost"),
    question!("forwards", "each journal is whole, and each record is judged to what the ledger has"),
    question!("attempts", "what was undone of a forward was undone of its online attempt"),
    question!("reviews", "what was handed over and not booked as it was sold was put to review, and settled once"),
    question!("payouts", "each payout is approved by two others than who asked, and paid once"),
];

/// The constraints of the migrations that refuse wrong rows, by table.
const CONSTRAINTS: &[(&str, &str)] = &[
    ("ledger.operation", "operation_codes"),
    ("ledger.operation", "operation_organisation"),
    ("ledger.operation", "operation_request_hash"),
    ("ledger.operation", "operation_counter"),
    ("ledger.line", "line_number"),
    ("ledger.line", "line_quantity"),
    ("ledger.line", "line_price"),
    ("ledger.line", "line_kind"),
    ("ledger.line", "line_known"),
    ("ledger.transfer", "transfer_amount"),
    ("ledger.transfer", "transfer_accounts"),
    ("ledger.transfer", "transfer_flow"),
    ("ledger.transfer", "transfer_one_organisation"),
    ("ledger.transfer", "transfer_one_unit"),
    ("ledger.transfer", "transfer_one_wallet"),
    ("ledger.hold_entry", "hold_entry_amount"),
    ("ledger.hold_entry", "hold_entry_account"),
    ("public.wallet", "wallet_budget"),
    ("public.wallet", "wallet_reserve"),
    ("public.wallet", "wallet_savings"),
    ("public.wallet", "wallet_credit"),
    ("public.wallet", "wallet_credit_cents"),
    ("public.buffer_draw", "buffer_draw_used"),
    ("public.hold", "hold_purpose"),
    ("public.hold", "hold_of_card_expires"),
    ("public.plan_month", "plan_month_held"),
    ("public.plan_month", "plan_month_done"),
    ("public.plan_month", "plan_month_released"),
    ("public.plan_month", "plan_month_once"),
    ("public.forward", "forward_hash"),
];

/// What a flow may join: `flow << 16 | debit kind << 8 | credit kind`.
fn flows() -> Vec<i64> {
    let pairs = Kind::ALL.into_iter().flat_map(|debit| Kind::ALL.into_iter().map(move |credit| (debit, credit)));
    let allowed = pairs.flat_map(|(debit, credit)| {
        let flows = Flow::ALL.into_iter().filter(move |flow| flow.allows(debit, credit));
        flows.map(move |flow| i64::from(flow.code()) << 16 | i64::from(debit.code()) << 8 | i64::from(credit.code()))
    });
    allowed.collect()
}

/// What a kind of account may be counted in: `kind << 8 | unit`.
fn units() -> Vec<i64> {
    let kinds = Kind::ALL.into_iter().flat_map(|kind| Unit::ALL.into_iter().map(move |unit| (kind, unit)));
    let allowed = kinds.filter(|(kind, unit)| kind.allows(*unit));
    allowed.map(|(kind, unit)| i64::from(kind.code()) << 8 | i64::from(unit.code())).collect()
}

fn kinds() -> Vec<i64> {
    Kind::ALL.into_iter().map(|kind| i64::from(kind.code())).collect()
}

/// Sets this transaction up for statements over whole tables, in bounded memory however many months there are. The four
/// ledger tables are read in the order of their ids, which is that of their primary keys and partitions, and merged; so
/// no hash tables, which grow with the rows, and no partition-wise plans, which keep one for each month until the end.
/// A nested loop over millions of rows is never the plan we want, however few rows the statistics promise, and to
/// compile a plan for each partition takes longer than it saves.
///
/// # Errors
/// [`DbError`].
pub async fn prepare(conn: &mut AsyncPgConnection) -> Result<(), DbError> {
    conn.batch_execute(
        "SET LOCAL work_mem = '64MB'; SET LOCAL enable_nestloop = off; SET LOCAL enable_hashjoin = off; \
         SET LOCAL enable_hashagg = off; SET LOCAL jit = off; SET LOCAL lock_timeout = '60s'; \
         SET LOCAL statement_timeout = 0",
    )
    .await?;
    Ok(())
}

/// What the first row that does not fit is, and what does not fit.
///
/// # Errors
/// [`DbError`].
pub async fn first_wrong(conn: &mut AsyncPgConnection, question: &Question) -> Result<Option<String>, DbError> {
    let query = (question.bind)(statement(question.sql));
    let found = query.load::<String>(conn).await?;
    Ok(found.into_iter().next().map(|finding| in_words(&finding)))
}

/// Operations, lines, transfers and wallets.
///
/// # Errors
/// [`DbError`].
pub async fn counts(conn: &mut AsyncPgConnection) -> Result<[i64; 4], DbError> {
    let query: Statement<Array<BigInt>> = statement(
        "SELECT ARRAY[(SELECT count(*) FROM ledger.operation), (SELECT count(*) FROM ledger.line), \
         (SELECT count(*) FROM ledger.transfer), (SELECT count(*) FROM wallet)]",
    );
    let counts = query.get_result::<Vec<i64>>(conn).await?;
    counts.try_into().map_err(|_| super::corrupt("counts"))
}

/// Says after a stored number what it means: `account 281474976776705` is the budget of some wallet.
fn in_words(finding: &str) -> String {
    let mut said = String::with_capacity(finding.len());
    let mut before = "";
    for word in finding.split_inclusive(' ') {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        let meaning = digits.parse::<i64>().ok().and_then(|number| meaning(before.trim_end(), number));
        said.push_str(digits);
        if let Some(meaning) = meaning {
            said.push_str(&format!(" ({meaning})"));
        }
        said.push_str(word.strip_prefix(digits).unwrap_or_default());
        before = word;
    }
    said
}

fn meaning(of: &str, number: i64) -> Option<String> {
    match of {
        "account" => {
            let account = Account::from_number(number)?;
            let owner = match account.wallet() {
                Some(wallet) => in_numbers(wallet),
                None => format!("organisation {}", number >> 48),
            };
            Some(format!("{} in {} of {owner}", account.kind().name(), account.unit().name()))
        }
        "wallet" => WalletId::from_field(number).map(in_numbers),
        "flow" => Flow::from_code(number).map(|flow| flow.name().to_owned()),
        "kind" => OperationKind::from_code(number).map(|kind| kind.name().to_owned()),
        "outcome" => Outcome::from_code(number).map(|outcome| outcome.name().to_owned()),
        "unit" => Unit::from_code(number).map(|unit| unit.name().to_owned()),
        _ => None,
    }
}

fn in_numbers(wallet: WalletId) -> String {
    format!("organisation {}, wallet number {}", wallet.organisation().number(), wallet.field() & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_say_what_a_stored_number_means() {
        let account = 1_i64 << 48 | 7 << 16 | 1 << 8 | 4;
        assert_eq!(
            in_words(&format!("account {account} holds 12, and its transfers leave 10")),
            "account 281474977169668 (credit in EUR of organisation 1, wallet number 7) holds 12, and its transfers leave 10"
        );
        assert_eq!(in_words("with outcome 34"), "with outcome 34 (insufficient_funds)");
        assert_eq!(in_words("flow 3: account 5, wallet 0"), "flow 3 (sale): account 5, wallet 0");
    }
}
