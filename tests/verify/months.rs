//! Three months of a client: two closed, one open, one of them corrected.

use std::collections::BTreeMap;

use crate::house::{Agree, CARE, House};

/// The house, and what stands for each `{name}` in a planted row.
pub async fn lived() -> (House, BTreeMap<String, String>) {
    let house = House::new().await;
    let client = house.client(1).await;
    let other = house.client(2).await;
    let line = house.agree(client, Agree::weekly(CARE, 5000, "2026-04-07")).await;
    house.open("2026-04").await;
    house.deliver("2026-04-07").await;
    house.close("2026-04").await;
    house.open("2026-05").await;
    house.close("2026-05").await;
    house.open("2026-06").await;
    house.run(&format!("UPDATE indication SET to_date = '2026-05-20' WHERE wallet = {}", client.field())).await;
    house.correct("2026-05").await;
    let mut names = BTreeMap::new();
    names.insert("w1".to_owned(), client.field().to_string());
    names.insert("w2".to_owned(), other.field().to_string());
    names.insert("line".to_owned(), line.uuid().to_string());
    for day in ["07", "14"] {
        let occurrence = House::occurrence(line, &format!("2026-04-{day}"));
        names.insert(format!("occurrence{day}"), occurrence.uuid().to_string());
    }
    for (name, sql) in [
        ("grant4", "SELECT operation FROM month_grant WHERE month = '2026-04-01' AND wallet = "),
        ("grant5", "SELECT operation FROM month_grant WHERE month = '2026-05-01' AND revision = 0 AND wallet = "),
        ("correction", "SELECT operation FROM month_grant WHERE revision = 1 AND wallet = "),
        ("hold6", "SELECT operation FROM month_phase WHERE month = '2026-06-01' AND phase = 2 AND wallet = "),
        ("close4", "SELECT operation FROM month_phase WHERE month = '2026-04-01' AND phase = 3 AND wallet = "),
        ("delivery", "SELECT id FROM ledger.operation WHERE kind = 22 AND month = '2026-04-01' AND wallet = "),
    ] {
        let sql = format!("{sql}{} ORDER BY 1 LIMIT 1", client.field());
        names.insert(name.to_owned(), house.text(&sql).await);
    }
    (house, names)
}
