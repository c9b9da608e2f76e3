//! `pasje own-money` and `pasje payout`: the office, as long as it has no pages.

use uuid::Uuid;

use crate::service::{Client, House};

const ZZG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemes/zzg.toml");

impl House {
    /// A command about a client.
    fn of(&self, client: &Client, command: &[&str]) -> String {
        let number = client.number.to_string();
        self.run(&[command, &["--client", &number][..]].concat())
    }

    /// A command that must fail; what it said.
    fn refuses(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }
}

/// The id that a command told: a word of its own, or before a colon.
fn told_id(said: &str) -> String {
    let words = said.split_whitespace().map(|word| word.trim_end_matches(':'));
    words.map(str::to_owned).find(|word| Uuid::try_parse(word).is_ok()).unwrap_or_else(|| panic!("{said}"))
}

#[tokio::test]
async fn a_payout_is_asked_for_listed_approved_by_two_and_paid_by_command() {
    let house = House::open().await;
    house.sql("UPDATE organisation SET time_zone = 'UTC'").await;
    let client = house.client(0, 4250).await;
    let [asker, one, two] = [(); 3].map(|()| Uuid::new_v4().to_string());
    let number = client.number.to_string();
    let ask = ["payout", "ask", "--cents", "4250", "--staff", &asker, "--client", &number];
    let asked = house.run(&ask);
    assert!(asked.contains("42.50") && asked.contains("two others"), "{asked}");
    let id = told_id(&asked);
    assert!(house.refuses(&ask).contains("not as much free own money"));
    // cut off and given again with its id, nothing is asked twice
    assert_eq!(told_id(&house.run(&[&ask[..], &["--id", &id]].concat())), id);
    let listed = house.run(&["payout", "list"]);
    let row = listed.lines().find(|line| line.starts_with(&id)).unwrap();
    let words: Vec<_> = row.split_whitespace().collect();
    let today = chrono::Utc::now().date_naive().to_string();
    assert_eq!(words, [&*id, &number, "42.50", "asked", &today, &asker], "{listed}");

    let approve = |staff: &str| ["payout", "approve", &id, "--staff", staff].map(str::to_owned);
    let run = |command: &[String]| house.run(&command.iter().map(String::as_str).collect::<Vec<_>>());
    let refuses = |command: &[String]| house.refuses(&command.iter().map(String::as_str).collect::<Vec<_>>());
    let pay = ["payout", "pay", &id, "--from", "bank"];
    assert!(refuses(&approve(&asker)).contains("somebody else must"));
    assert!(run(&approve(&one)).contains("another person must"));
    assert!(refuses(&approve(&one)).contains("somebody else must"));
    assert!(house.refuses(&pay).contains("two people have not approved it"));
    assert!(run(&approve(&two)).contains("to be paid"));
    let withdraw = ["payout", "withdraw", &id, "--staff", &asker];
    assert!(house.refuses(&withdraw).contains("pasje payout list --all"));
    // of another organisation there is none
    assert!(house.refuses(&[&["payout", "--organisation", "2"][..], &pay[1..]].concat()).contains("no such payout"));
    assert!(house.run(&pay).contains("is paid"));
    assert!(house.refuses(&pay).contains("paid or withdrawn before"));
    assert!(!house.run(&["payout", "list"]).contains(&id));
    let all = house.run(&["payout", "list", "--all"]);
    assert!(all.contains("paid") && all.contains(&format!("{asker}  {one} {two}")), "{all}");
    assert_eq!(house.purses(&client).await, [0, 0]);
    house.verify().await;
}

#[tokio::test]
async fn own_money_comes_in_buys_points_and_goes_back_by_command() {
    let house = House::open().await;
    let client = house.client(0, 0).await;
    let number = client.number.to_string();
    let top_up = told_id(&house.of(&client, &["own-money", "top-up", "--cents", "2000", "--from", "cash"]));
    assert!(
        house
            .refuses(&["own-money", "buy-points", "--points", "100", "--client", &number])
            .contains("own money stays in euros")
    );
    house.run(&["scheme", "adopt", ZZG, "--organisation", "1", "--from", "2020-01"]);
    house.sql("UPDATE wallet SET scheme = (SELECT id FROM scheme WHERE name = 'zzg'), unit = 3").await;
    let said = house.of(&client, &["own-money", "buy-points", "--points", "1050"]);
    assert!(said.contains("10.50 points at 0.50 each, for 5.25"), "{said}");
    let bought = told_id(&said);
    assert_eq!(house.purses(&client).await, [0, 1475]);
    let dear = house.command(&["own-money", "buy-points", "--points", "2952", "--client", &number]).output().unwrap();
    let (told, why) = (String::from_utf8(dear.stdout).unwrap(), String::from_utf8(dear.stderr).unwrap());
    assert!(told.contains("would cost 14.76") && why.contains("not as much free own money"), "{told} {why}");
    let back = house.of(&client, &["own-money", "return-points", &bought, "--points", "1050"]);
    assert!(back.contains("10.50 points") && back.contains("5.25"), "{back}");
    let again = ["own-money", "return-points", &bought, "--points", "1", "--client", &number];
    assert!(house.refuses(&again).contains("more than is left of that purchase"));
    assert!(house.of(&client, &["own-money", "reverse", &top_up, "--cents", "500"]).contains("5.00"));
    let more = ["own-money", "reverse", &top_up, "--cents", "1501", "--client", &number];
    assert!(house.refuses(&more).contains("more than is left of that top-up"));
    assert!(
        house
            .refuses(&["own-money", "top-up", "--cents", "0", "--from", "bank", "--client", &number])
            .contains("above 0")
    );
    assert!(
        house
            .refuses(&["own-money", "top-up", "--cents", "1", "--from", "bank", "--client", "999999"])
            .contains("no client 999999")
    );
    assert_eq!(house.purses(&client).await, [0, 1500]);
    house.verify().await;
}
