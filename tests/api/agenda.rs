//! An agenda over HTTP: its address is its secret, and nobody can tell a withdrawn one from one that never was.

use chrono::Utc;
use pasje::services::absences::OfClient;
use pasje::services::agendas::{make, withdraw};

use crate::service::House;

#[tokio::test]
async fn an_agenda_is_read_by_its_secret_alone_and_withdrawn_is_as_if_it_never_was() {
    let house = House::open().await;
    let client = house.client(0, 900).await;
    let database = house.test.connect().await;
    let of = OfClient { organisation: client.wallet.organisation(), wallet: client.wallet };
    let secret = make(&database, of, Utc::now()).await.unwrap();
    let serving = house.serve();
    let address = format!("/agenda/{secret}.ics");
    let reply = serving.get_unsigned(&address);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/calendar; charset=utf-8")));
    assert_eq!(reply.header("cache-control"), Some("private, max-age=900"));
    assert!(reply.text().starts_with("BEGIN:VCALENDAR\r\n") && reply.text().ends_with("END:VCALENDAR\r\n"));
    withdraw(&database, of, Utc::now()).await.unwrap();
    let withdrawn = serving.get_unsigned(&address);
    let unknown = serving.get_unsigned(&format!("/agenda/{}.ics", "A".repeat(43)));
    withdrawn.is_problem(404, "not-found");
    assert_eq!(withdrawn.text(), unknown.text());
    let heads = |reply: &crate::wire::Reply| {
        let heads = reply.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date"));
        heads.cloned().collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(heads(&withdrawn), heads(&unknown));
    let written = serving.written();
    assert!(!written.contains(&secret), "no log tells a secret: {written}");
}
