//! What may move where, refused by the database itself, as the owner of its tables.

use std::collections::BTreeSet;

use diesel::sql_types::{Array, SmallInt};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use pasje::db::statement::{Statement, statement};
use pasje::domain::account::Kind;
use pasje::domain::flow::Flow;
use uuid::Uuid;

use crate::support::TestDatabase;

/// Tries to insert a transfer for every (flow, kind, kind), each in a subtransaction, and notes which PostgreSQL took.
const TRY_ALL: &str = "
CREATE TEMP TABLE taken (flow smallint, debit smallint, credit smallint);
DO $$
DECLARE
    kinds bigint[] := ARRAY[KINDS];
    d bigint; c bigint; tried integer := 0;
BEGIN
    FOR f IN 1..15 LOOP
        FOREACH d IN ARRAY kinds LOOP
            FOREACH c IN ARRAY kinds LOOP
                tried := tried + 1;
                BEGIN
                    INSERT INTO ledger.transfer (id, leg, flow, why, debit, credit, amount, book_date, batch)
                    VALUES ('ID', tried, f, 1,
                            ledger.account(1, CASE WHEN d < 5 THEN 7 ELSE 0 END, 1, d),
                            ledger.account(1, CASE WHEN c < 5 THEN 7 ELSE 0 END, 1, c), 1, current_date, 1);
                    INSERT INTO taken VALUES (f, d, c);
                EXCEPTION WHEN check_violation THEN NULL;
                END;
            END LOOP;
        END LOOP;
    END LOOP;
    IF tried <> 15 * array_length(kinds, 1) ^ 2 THEN RAISE 'not all were tried'; END IF;
END $$;";

#[tokio::test(flavor = "multi_thread")]
async fn the_table_takes_every_pair_of_the_matrix_and_no_other() {
    let test = TestDatabase::new().await;
    let mut owner = test.owner().await;
    // Every kind of the program, and codes that are no kind.
    let mut kinds: Vec<String> = Kind::ALL.iter().map(|kind| kind.code().to_string()).collect();
    kinds.extend(["0", "6", "22", "37", "52", "68", "255"].map(str::to_owned));
    let script = TRY_ALL.replace("KINDS", &kinds.join(", ")).replace("ID", &Uuid::now_v7().to_string());
    owner.batch_execute(&script).await.unwrap();
    let query: Statement<Array<SmallInt>> = statement("SELECT ARRAY[flow, debit, credit] FROM taken");
    let taken: BTreeSet<Vec<i16>> = query.load::<Vec<i16>>(&mut owner).await.unwrap().into_iter().collect();
    let mut allowed = BTreeSet::new();
    for flow in Flow::ALL {
        for debit in Kind::ALL {
            for credit in Kind::ALL {
                if flow.allows(debit, credit) {
                    allowed.insert(vec![flow.code().into(), debit.code().into(), credit.code().into()]);
                }
            }
        }
    }
    assert_eq!(taken, allowed);
}

/// (what is wrong, flow, debit account, credit account, amount), as SQL.
const FORBIDDEN: [(&str, &str); 14] = [
    ("another unit", "3, ledger.account(1, 7, 1, 1), ledger.account(1, 0, 3, 35), 1"),
    ("another client's purse", "12, ledger.account(1, 7, 1, 1), ledger.account(1, 8, 1, 3), 1"),
    ("another organisation", "3, ledger.account(1, 7, 1, 1), ledger.account(2, 0, 1, 35), 1"),
    ("own money to care", "3, ledger.account(1, 7, 1, 4), ledger.account(1, 0, 1, 32), 1"),
    ("own money to what is included", "3, ledger.account(1, 7, 1, 4), ledger.account(1, 0, 1, 33), 1"),
    ("own money to the budget", "7, ledger.account(1, 7, 1, 4), ledger.account(1, 7, 1, 1), 1"),
    ("nothing", "3, ledger.account(1, 7, 1, 1), ledger.account(1, 0, 1, 35), 0"),
    ("less than nothing", "3, ledger.account(1, 7, 1, 1), ledger.account(1, 0, 1, 35), -1"),
    ("a purse that is nobody's", "3, ledger.account(1, 0, 1, 1), ledger.account(1, 0, 1, 35), 1"),
    ("a client with a bank of its own", "7, ledger.account(1, 7, 1, 64), ledger.account(1, 7, 1, 4), 1"),
    ("points from nowhere", "1, ledger.account(1, 0, 3, 16), ledger.account(1, 7, 3, 1), 1"),
    ("a bank in points", "7, ledger.account(1, 0, 3, 64), ledger.account(1, 7, 3, 4), 1"),
    ("bought minutes", "11, ledger.account(1, 0, 2, 21), ledger.account(1, 7, 2, 4), 1"),
    ("an unknown unit", "3, ledger.account(1, 7, 4, 1), ledger.account(1, 0, 4, 35), 1"),
];

#[tokio::test(flavor = "multi_thread")]
async fn other_units_wallets_and_organisations_are_refused_by_the_table_itself() {
    let test = TestDatabase::new().await;
    let mut owner = test.owner().await;
    let insert = |values: &str| {
        format!(
            "INSERT INTO ledger.transfer (id, leg, why, book_date, batch, flow, debit, credit, amount) \
             VALUES ('{}', 0, 1, current_date, 1, {values})",
            Uuid::now_v7()
        )
    };
    for (what, values) in FORBIDDEN {
        let error = owner.batch_execute(&insert(values)).await.unwrap_err().to_string();
        assert!(error.contains("violates check constraint"), "{what}: {error}");
    }
    // The same rows, right, are taken: it was not something else that was refused.
    let right = "3, ledger.account(1, 7, 1, 1), ledger.account(1, 0, 1, 35), 1";
    owner.batch_execute(&insert(right)).await.unwrap();
}
