//! What of forwarded sales a human looks at, and how a human ends it with the command.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::Tap;
use crate::journal::{Journal, by_name, in_review, judged, offline, sale_of};
use crate::service::{COFFEE, ELSEWHERE, House, RESTAURANT, SHOWER, WINE};

#[tokio::test]
async fn nothing_is_dropped_and_nothing_blocks_what_follows() {
    let house = House::open().await;
    let (client, stranger) = (house.client(5000, 5000).await, house.client_of(2, 0, 1000).await);
    let (terminal, card, strange) = (house.terminal(RESTAURANT), house.card(&client), house.card(&stranger));
    let serving = house.serve();
    let coffee = [(COFFEE, 1)];
    let unknown = [(Uuid::from_u128(7), 1)];
    let partly = [(COFFEE, 1), (Uuid::from_u128(7), 1)];
    let sale = |tap: &Tap<'_>| sale_of(tap, None);
    let next = || offline(&card, &terminal, &coffee);
    let changed = |place: &str, value: Value| {
        let mut sale = sale(&next());
        *sale.pointer_mut(place).unwrap() = value;
        sale.to_string()
    };
    let first = next();
    let again = Tap { id: Uuid::now_v7(), ..first.clone() };
    let attempt = next();
    let mut anonymous = by_name(&terminal, client.number, SHOWER);
    anonymous.as_object_mut().unwrap().remove("staff");
    let mut ahead = by_name(&terminal, client.number, SHOWER);
    let year = u128::from((chrono::Utc::now().timestamp_millis() + 400 * 86_400_000).cast_unsigned());
    ahead["instead_of"] = json!(Uuid::from_u128(year << 80 | Uuid::now_v7().as_u128() & ((1 << 80) - 1)));
    let (lost, why) = (String::new, |text: &str| text.to_owned());
    // what the journal has, what the ledger says of it (nothing: it is not there), and why it is in review
    let table: Vec<(String, String, &str)> = vec![
        (why("not JSON"), lost(), "4"),
        (why("{}"), lost(), "4"),
        (why("\u{0}\u{7f}\u{1f600}"), lost(), "4"),
        (why(""), lost(), "4"),
        (changed("/mode", json!("online")), lost(), "4"),
        (changed("/id", json!(Uuid::new_v4())), lost(), "4"),
        (changed("/lines", json!([])), lost(), "4"),
        (sale_of(&attempt, Some(attempt.id)).to_string(), lost(), "4"),
        (anonymous.to_string(), lost(), "4"),
        (changed("/location", json!(ELSEWHERE)), lost(), "5"),
        (changed("/payer/card/mac", json!("00112233445566778899aabbccddeeff")), why("card_mac_wrong"), "3"),
        (changed("/payer/card/amount_cents", json!(1)), why("card_mac_wrong"), "3"),
        // a tap that was made for the online sale
        (changed("/payer/card/mac", json!(card.tap(&terminal, &coffee).mac())), why("card_mac_wrong"), "3"),
        (changed("/payer/card/id", json!(Uuid::new_v4())), why("card_unknown"), "3"),
        (sale(&offline(&strange, &terminal, &coffee)).to_string(), why("card_unknown"), "3"),
        (sale(&again).to_string(), why("counter_used"), "3"),
        (sale(&Tap { amount_cents: 249, ..next() }).to_string(), why("amount_exceeded"), "3"),
        (sale(&offline(&card, &terminal, &unknown)).to_string(), why("service_unknown"), "3"),
        (sale(&Tap { price_list: 99, ..next() }).to_string(), why("price_list_out_of_date"), "3"),
        (by_name(&terminal, client.number, WINE).to_string(), why("card_needed"), "3"),
        (by_name(&terminal, stranger.number, SHOWER).to_string(), why("card_unknown"), "3"),
        (ahead.to_string(), lost(), "8"),
        // another sale under an id that is booked
        (sale(&Tap { id: first.id, ..next() }).to_string(), lost(), "7"),
    ];
    let mut journal = Journal::default();
    journal.sell(&first);
    for (text, ..) in &table {
        journal.write(text);
    }
    journal.write(&by_name(&terminal, client.number, SHOWER).to_string());
    journal.sell(&offline(&card, &terminal, &partly));
    journal.sell(&next());
    let last = i64::try_from(journal.records.len()).unwrap();
    let results = journal.deliver(&serving, &terminal, 1..=last);
    assert_eq!(judged(&results[0]), "approved");
    for (at, (text, reason, _)) in table.iter().enumerate() {
        assert_eq!(in_review(&results[at + 1]), *reason, "{text}");
    }
    let after: Vec<String> = results[table.len() + 1..].iter().map(judged).collect();
    assert_eq!(after, ["approved", "approved_in_part", "approved"]);
    let reviews = house.text("SELECT string_agg(why::text, ' ' ORDER BY sequence) FROM review").await;
    let mut wanted: Vec<&str> = table.iter().map(|(.., why)| *why).collect();
    wanted.push("2");
    assert_eq!(reviews, wanted.join(" "));
    assert_eq!(journal.deliver(&serving, &terminal, 1..=last), results, "and the same again");
    assert_eq!(house.text("SELECT count(*)::text FROM review").await, wanted.len().to_string());
    // every byte is there
    let stored = house.text("SELECT string_agg(convert_from(sale, 'UTF8'), '|' ORDER BY sequence) FROM forward WHERE position('\\x00'::bytea IN sale) = 0").await;
    for record in
        journal.records.iter().map(|record| record["sale"].as_str().unwrap()).filter(|sale| !sale.contains('\0'))
    {
        assert!(stored.contains(record), "{record}");
    }
    // three coffees and a shower were sold, and nothing else
    assert_eq!(house.purses(&client).await, [5000 - 3 * 250 - 1800, 5000]);
    house.verify().await;
}

#[tokio::test]
async fn a_loss_is_put_to_review_and_ended_once_by_the_command() {
    let house = House::open().await;
    let client = house.client(0, 100).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let mut journal = Journal::default();
    for lines in [[(WINE, 1)], [(WINE, 2)], [(SHOWER, 1)]] {
        journal.sell(&offline(&card, &terminal, &lines));
    }
    journal.write("no sale");
    let results = journal.deliver(&serving, &terminal, 1..=4);
    assert_eq!(judged(&results[0]), "approved");
    let legs = &results[0]["answer"]["legs"];
    assert_eq!((&legs[0]["from"], &legs[0]["amount"]), (&json!("credit"), &json!(100)));
    assert_eq!((&legs[1]["from"], &legs[1]["amount"]), (&json!("offline_loss"), &json!(210)));
    // care is never a loss
    assert_eq!(results[2]["answer"]["legs"][0]["from"], "care_overrun");
    assert_eq!(house.purses(&client).await, [0, 0]);
    assert_eq!(
        house.text("SELECT string_agg(why || ':' || coalesce(loss_cents, 0), ' ' ORDER BY id) FROM review").await,
        "1:210 1:620 4:0"
    );

    let refused = |arguments: &[&str]| {
        let output = house.command(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let ids: Vec<String> = house
        .text("SELECT string_agg(id::text, ' ' ORDER BY id) FROM review")
        .await
        .split(' ')
        .map(str::to_owned)
        .collect();
    let [first, second, third] = &ids[..] else { panic!("{ids:?}") };
    let list = house.run(&["review", "list"]);
    assert!(list.contains("offline_loss") && list.contains("2.10") && list.contains("malformed"), "{list}");
    assert!(!list.contains(&client.name) && !house.run(&["review", "show", first]).contains(&client.name));
    assert!(house.run(&["review", "show", third]).contains("record: no sale"));
    let shown = house.run(&["review", "show", first]);
    for part in ["could not pay all of it", "sold: 1 × ", "--write-off REASON", &format!("wallet {}", client.number)] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let own =
        ["review", "settle", first, "--from-own-money", "--consent", "mw. A., today at the desk", "--by", "office"];
    assert!(refused(&own).contains("insufficient_funds"));
    house.top_up(&client, 150).await;
    assert!(refused(&own[..4]).contains("--consent"));
    assert!(refused(&[&own[..], &["--cents", "211"]].concat()).contains("more_than_lost"));
    assert!(refused(&["review", "settle", first]).contains("--write-off"));
    assert!(refused(&["review", "settle", first, "--handled", "x"]).contains("offline loss"));
    assert!(refused(&["review", "settle", third, "--write-off", "x"]).contains("no offline loss"));
    let said = house.run(&[&own[..], &["--cents", "120"]].concat());
    assert!(said.contains("own money paid 1.20"), "{said}");
    assert!(refused(&own).contains("settled already"));
    assert_eq!(house.purses(&client).await, [0, 30]);
    house.run(&["review", "settle", second, "--write-off", "the network was down all day"]);
    house.run(&["review", "settle", third, "--handled", "asked the kitchen"]);
    let shown = house.run(&["review", "show", first]);
    assert!(shown.contains("from_own_money: mw. A., today at the desk") && shown.contains("by office"), "{shown}");
    assert!(refused(&["review", "show", "999999"]).contains("no review"));
    assert_eq!(house.run(&["review", "list"]).lines().count(), 1);
    assert_eq!(house.run(&["review", "list", "--all"]).lines().count(), 4);
    house.verify().await;
}
