//! All state at the end, as facts by name: the database's against the model's.

use std::collections::BTreeMap;
use std::fmt::Write;

use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use pasje::domain::account::Kind;
use pasje::domain::operation::{OperationKind, Outcome};

use crate::drive::Ledger;
use crate::model::Model;

pub type Facts = BTreeMap<String, String>;

#[derive(diesel::QueryableByName)]
struct Fact {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    value: String,
}

const PURSES: [&str; 5] = ["budget", "reserve", "savings", "credit", "credit_cents"];

/// Each answers names and values; `kinds`, `outcomes` and `operations` are the words for codes.
const QUERIES: [&str; 13] = [
    // the wallets' rows
    "SELECT format('purse %s %s', wallet.id, purse) AS name, format('%s, %s held', balance, held) AS value
     FROM wallet, LATERAL (VALUES ('budget', budget, budget_held), ('reserve', reserve, reserve_held),
         ('savings', savings, savings_held), ('credit', credit, credit_held),
         ('credit_cents', credit_cents, credit_cents_held)) AS purses (purse, balance, held)",
    // the same from the transfers
    "SELECT format('transfers of purse %s %s', account >> 16, purse(account)) AS name, sum(amount)::text AS value
     FROM moved WHERE account & 255 <= 4 GROUP BY 1 HAVING sum(amount) <> 0",
    // the same from the hold entries
    "SELECT format('entries held %s %s', account >> 16, purse(account)) AS name, sum(amount)::text AS value
     FROM ledger.hold_entry GROUP BY 1 HAVING sum(amount) <> 0",
    "SELECT format('hold %s %s', id, purse(account)) AS name, remaining::text AS value
     FROM hold WHERE remaining > 0 AND id NOT IN (SELECT id FROM payout)",
    "SELECT format('buffer %s %s', organisation, unit(unit)) AS name, balance::text AS value
     FROM shared_buffer WHERE balance <> 0",
    "SELECT format('draw %s', id) AS name, format('%s of %s, %s to %s', used, amount, from_date, until_date) AS value
     FROM buffer_draw",
    "SELECT format('card %s', card.id) AS name, format('last %s, spent %s, used %s', last_counter,
         CASE WHEN day = (now() AT TIME ZONE time_zone)::date THEN day_cents ELSE 0 END,
         (SELECT string_agg((last_counter - i)::text, ' ' ORDER BY i) FROM generate_series(0, 255) AS i
          WHERE get_bit(counter_window, i) = 1)) AS value
     FROM card JOIN organisation ON organisation.id = card.wallet >> 32",
    "SELECT format('account %s %s %s', account >> 48, unit((account >> 8) & 255), kind(account)) AS name,
         sum(amount)::text AS value
     FROM moved WHERE account & 255 > 4 GROUP BY 1 HAVING sum(amount) <> 0",
    "SELECT format('refunded %s line %s', reference, line) AS name, sum(quantity)::text AS value
     FROM ledger.operation JOIN ledger.line USING (id) WHERE kind_name(operation.kind) IN ('refund', 'void') GROUP BY 1",
    "SELECT format('returned %s line %s %s', reference, line, unit((debit >> 8) & 255)) AS name,
         sum(amount)::text AS value
     FROM ledger.operation JOIN ledger.transfer USING (id) WHERE kind_name(kind) IN ('refund', 'void') GROUP BY 1",
    "SELECT format('operation %s', id) AS name, format('%s %s of %s on %s%s', kind_name(kind), outcome(outcome), wallet,
         book_date, CASE WHEN request_hash IS NULL THEN ', a tombstone' END) AS value
     FROM ledger.operation",
    "SELECT format('line %s %s', id, line) AS name,
         format('%s cents, %s units', price_cents, coalesce(units, -1)) AS value
     FROM ledger.operation JOIN ledger.line USING (id)
     WHERE outcome(outcome) IN ('approved', 'approved_in_part') AND left_out IS NULL",
    "SELECT format('payout %s', id) AS name, format('%s cents %s by %s', amount_cents,
         (ARRAY['asked', 'approved', 'paid', 'withdrawn'])[status],
         (SELECT count(*) FROM payout_approval WHERE payout = payout.id)) AS value
     FROM payout",
];

/// Words for codes, for this session: the facts of both sides must have the same names.
fn words() -> String {
    let mut sql = String::from(
        "CREATE FUNCTION pg_temp.unit(bigint) RETURNS text LANGUAGE sql AS
            $$ SELECT (ARRAY['EUR', 'MIN', 'PNT'])[$1] $$;
         CREATE FUNCTION pg_temp.purse(bigint) RETURNS text LANGUAGE sql AS
            $$ SELECT CASE WHEN $1 & 65535 = 260 THEN 'credit_cents'
                           ELSE (ARRAY['budget', 'reserve', 'savings', 'credit'])[$1 & 255] END $$;
         CREATE TEMP VIEW moved AS SELECT credit AS account, amount FROM ledger.transfer
            UNION ALL SELECT debit, -amount FROM ledger.transfer;",
    );
    let mut table = |name: &str, of: &str, rows: Vec<(u8, &'static str)>| {
        let rows: Vec<String> = rows.iter().map(|(code, word)| format!("WHEN {code} THEN '{word}'")).collect();
        let rows = rows.join(" ");
        writeln!(
            sql,
            "CREATE FUNCTION pg_temp.{name}(bigint) RETURNS text LANGUAGE sql AS $$ SELECT CASE {of} {rows} END $$;"
        )
        .unwrap();
    };
    table("kind", "$1 & 255", Kind::ALL.iter().map(|kind| (kind.code(), kind.name())).collect());
    table("outcome", "$1", Outcome::ALL.iter().map(|outcome| (outcome.code(), outcome.name())).collect());
    table("kind_name", "$1", OperationKind::ALL.iter().map(|kind| (kind.code(), kind.name())).collect());
    sql
}

pub async fn of_database(ledger: &Ledger) -> Facts {
    use diesel_async::SimpleAsyncConnection;
    let mut conn = ledger.test.superuser().await;
    conn.batch_execute(&words()).await.unwrap();
    let mut facts = Facts::new();
    for query in QUERIES {
        let query = ["unit(", "purse(", "kind(", "kind_name(", "outcome("]
            .iter()
            .fold(query.to_string(), |query, name| qualify(&query, name));
        let rows: Vec<Fact> = diesel::sql_query(query).load(&mut conn).await.unwrap();
        facts.extend(rows.into_iter().map(|fact| (fact.name, fact.value)));
    }
    facts
}

/// Temporary functions are found by their schema's name alone.
fn qualify(query: &str, name: &str) -> String {
    let mut out = String::new();
    let mut rest = query;
    while let Some(place) = rest.find(name) {
        let is_word =
            !rest[..place].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '.');
        out.push_str(&rest[..place]);
        out.push_str(if is_word { "pg_temp." } else { "" });
        out.push_str(name);
        rest = &rest[place + name.len()..];
    }
    out + rest
}

pub fn of_model(model: &Model) -> Facts {
    let mut facts = Facts::new();
    let mut fact = |name: String, value: String| {
        assert!(facts.insert(name.clone(), value).is_none(), "two facts are called {name}");
    };
    for wallet in model.world.wallets.keys() {
        for name in PURSES {
            let purse = model.books.purses.get(&(*wallet, name)).cloned().unwrap_or_default();
            fact(format!("purse {wallet} {name}"), format!("{}, {} held", purse.balance, purse.held));
            if purse.balance != 0 {
                fact(format!("transfers of purse {wallet} {name}"), purse.balance.to_string());
            }
            if purse.held != 0 {
                fact(format!("entries held {wallet} {name}"), purse.held.to_string());
            }
        }
    }
    for (id, hold) in &model.books.holds {
        for (purse, left) in hold.left.iter().filter(|(_, left)| **left > 0) {
            fact(format!("hold {id} {purse}"), left.to_string());
        }
    }
    for ((organisation, unit, kind), balance) in model.books.accounts.iter().filter(|(_, balance)| **balance != 0) {
        fact(format!("account {organisation} {unit} {kind}"), balance.to_string());
        if *kind == "buffer" {
            fact(format!("buffer {organisation} {unit}"), balance.to_string());
        }
    }
    for (id, one) in &model.books.permissions {
        fact(format!("draw {id}"), format!("{} of {}, {} to {}", one.used, one.amount, one.from, one.until));
    }
    for (id, chip) in &model.books.chips {
        let used = chip.used.iter().rev().filter(|counter| chip.last - **counter < 256);
        let used: Vec<String> = used.map(u32::to_string).collect();
        fact(format!("card {id}"), format!("last {}, spent {}, used {}", chip.last, chip.spent_today, used.join(" ")));
    }
    for ((sale, line), quantity) in &model.books.refunded {
        fact(format!("refunded {sale} line {line}"), quantity.to_string());
    }
    for (id, payout) in &model.books.payouts {
        let (cents, status, approvals) = (payout.cents, payout.status, payout.approved_by.len());
        fact(format!("payout {id}"), format!("{cents} cents {status} by {approvals}"));
    }
    let mut returned: BTreeMap<String, i128> = BTreeMap::new();
    for (id, entry) in &model.entries {
        let (reply, owner) = (&entry.reply, entry.owner);
        let tombstone = if entry.ask.is_none() { ", a tombstone" } else { "" };
        let value = format!("{} {} of {owner} on {}{tombstone}", reply.operation, reply.outcome, reply.book_date);
        fact(format!("operation {id}"), value);
        if ["refund", "void"].contains(&reply.operation) {
            for leg in &reply.legs {
                let (sale, line) = (reply.reference.unwrap(), leg.line.unwrap());
                *returned.entry(format!("returned {sale} line {line} {}", leg.unit)).or_default() += leg.amount;
            }
        }
        if ["approved", "approved_in_part"].contains(&reply.outcome) {
            for (line, sold) in entry.lines.iter().filter(|(_, sold)| sold.left_out.is_none()) {
                let (price, units) = (sold.price, sold.units.unwrap_or(-1));
                fact(format!("line {id} {line}"), format!("{price} cents, {units} units"));
            }
        }
    }
    for (name, amount) in returned {
        fact(name, amount.to_string());
    }
    facts
}

/// What the two do not have in common.
pub fn differences(one: &Facts, other: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    for name in one.keys().chain(other.keys().filter(|name| !one.contains_key(*name))) {
        if one.get(name) != other.get(name) {
            found.push(format!("{name}: {:?} against {:?}", one.get(name), other.get(name)));
        }
    }
    found
}

pub async fn everything(ledger: &Ledger, model: &Model<'_>, seed: u64) {
    let (database, model) = (of_database(ledger).await, of_model(model));
    let differences = differences(&database, &model);
    assert!(
        differences.is_empty(),
        "seed {seed}: the database against the model in {} of {} facts:\n{}",
        differences.len(),
        database.len(),
        differences.iter().take(30).cloned().collect::<Vec<_>>().join("\n")
    );
    eprintln!("  {} facts agree", database.len());
}

/// How many sales the greatest transaction booked.
pub async fn sales_per_batch(ledger: &Ledger) -> i64 {
    let query = "SELECT 'sales' AS name, max(count)::text AS value FROM (
        SELECT count(*) FROM ledger.operation WHERE kind = 1 AND request_hash IS NOT NULL GROUP BY batch) AS batches";
    let fact: Fact = diesel::sql_query(query).get_result(&mut ledger.test.superuser().await).await.unwrap();
    fact.value.parse().unwrap()
}
