//! The till as staff use it: the built program, its folder and what it prints.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use firmware_sim::files::CardOnFile;
use uuid::Uuid;

use crate::service::{COFFEE, Client, House, RESTAURANT};
use crate::till_page::{NOWHERE, program, url};

struct Shop {
    house: House,
    folder: PathBuf,
    terminal: String,
    client: Client,
    card: PathBuf,
}

impl Shop {
    async fn open(card: &[&str]) -> Shop {
        let house = House::open().await;
        let folder = house.path("till");
        std::fs::create_dir(&folder).unwrap();
        let (file, place) = (folder.join("terminal.json"), RESTAURANT.to_string());
        house.run(&["terminal", "add", "--location", &place, "--name", "Kassa", "--out", file.to_str().unwrap()]);
        let written: serde_json::Value = serde_json::from_str(&crate::service::read(&file)).unwrap();
        let terminal = written["terminal"].as_str().unwrap().to_owned();
        let client = house.client(100_000, 0).await;
        let card = house.card_file(&client, card);
        Shop { house, folder, terminal, client, card }
    }

    fn command(&self, service: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(["till", "--folder", self.folder.to_str().unwrap(), "--service", service]).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// What it printed, and whether it ended well.
    fn till(&self, service: &str, arguments: &[&str]) -> (String, bool) {
        let output = self.command(service, arguments).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        (String::from_utf8(printed).unwrap(), output.status.success())
    }

    /// The simple program.
    fn tap(&self, service: &str) -> (String, bool) {
        let (terminal, card) = (self.folder.join("terminal.json"), self.card.to_str().unwrap());
        let mut command = Command::new(program());
        command.args(["tap", "--terminal", terminal.to_str().unwrap(), "--service", service, "--card", card, "Koffie"]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.success())
    }

    fn sell(&self, service: &str) -> (String, bool) {
        self.till(service, &["--sell", "Koffie", "--card", self.card.to_str().unwrap()])
    }
}

#[tokio::test]
async fn staff_sell_with_the_service_without_it_and_deliver() {
    let shop = Shop::open(&[]).await;
    let serving = shop.house.serve();
    let (printed, is_good) = shop.sell(&url(&serving));
    assert!(is_good && printed.contains("2,50"), "{printed}");
    serving.stop();
    for number in 1..=3 {
        let (printed, is_good) = shop.sell(NOWHERE);
        assert!(is_good && printed.contains("GOED, opgeslagen"), "{number}: {printed}");
    }
    let (printed, _) = shop.till(NOWHERE, &["--status"]);
    assert!(printed.contains("Werkt zonder verbinding sinds") && printed.contains("3 verkopen wachten"), "{printed}");
    let (printed, is_good) = shop.till(NOWHERE, &["--forward"]);
    assert!(!is_good && printed.contains("3 verkopen wachten"), "{printed}");
    let serving = shop.house.serve();
    let (printed, is_good) = shop.till(&url(&serving), &["--forward"]);
    assert!(is_good && printed.contains("Verbonden") && !printed.contains("wachten"), "{printed}");
    shop.house.all_judged().await;
    assert_eq!(shop.house.purses(&shop.client).await, [100_000 - 4 * 250, 0]);
    assert_eq!(shop.house.text("SELECT count(*)::text FROM review").await, "0");
    let said = shop.house.run(&["verify"]);
    assert!(!said.contains("FAILED"), "{said}");
}

/// The ids of what the screen called approved and stored.
fn shown(printed: &str) -> Vec<Uuid> {
    let lines: Vec<&str> = printed.lines().collect();
    let mut ids = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.contains("GOED, opgeslagen") {
            // the line that names the record may be cut off by the kill: what staff saw counts all the same
            let named = lines[at..].iter().take(5).find_map(|line| line.rsplit(' ').next()?.parse().ok());
            ids.push(named.unwrap_or(Uuid::nil()));
        }
    }
    ids
}

#[tokio::test]
async fn a_till_that_is_killed_at_any_moment_keeps_what_it_showed_as_approved() {
    const ROUNDS: u64 = 12;
    let shop = Shop::open(&["--offline-tap", "9000", "--offline-total", "900000", "--offline-count", "255"]).await;
    let place = RESTAURANT.to_string();
    shop.house.run(&[
        "location",
        "limits",
        &place,
        "--card-total",
        "900000",
        "--card-taps",
        "255",
        "--terminal-total",
        "900000",
        "--terminal-records",
        "1000",
    ]);
    let serving = shop.house.serve();
    shop.till(&url(&serving), &["--status"]);
    serving.stop();
    let mut approved = Vec::new();
    for round in 0..ROUNDS {
        let mut till = shop
            .command(NOWHERE, &["--card", shop.card.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut typing = till.stdin.take().unwrap();
        // a kill closes it while this is still written
        let typist = std::thread::spawn(move || {
            let _ = typing.write_all("Koffie\nbetaal\n".repeat(40).as_bytes());
            std::thread::sleep(Duration::from_secs(5));
        });
        let mut screen = BufReader::new(till.stdout.take().unwrap());
        let mut printed = String::new();
        while !printed.contains("GOED, opgeslagen") && screen.read_line(&mut printed).unwrap() > 0 {}
        // another moment each round
        std::thread::sleep(Duration::from_micros(round * 7_919 % 60_000));
        till.kill().unwrap();
        till.wait().unwrap();
        let mut rest = Vec::new();
        screen.read_to_end(&mut rest).unwrap();
        printed.push_str(&String::from_utf8_lossy(&rest));
        approved.extend(shown(&printed));
        drop(typist);
    }
    let serving = shop.house.serve();
    let (printed, is_good) = shop.till(&url(&serving), &["--forward"]);
    assert!(is_good, "{printed}");
    shop.house.all_judged().await;
    let booked = shop
        .house
        .text("SELECT coalesce(string_agg(id::text, ' '), '') FROM ledger.operation WHERE authority = 2")
        .await;
    let booked: Vec<Uuid> = booked.split(' ').map(|id| id.parse().unwrap()).collect();
    for id in approved.iter().filter(|id| !id.is_nil()) {
        assert_eq!(booked.iter().filter(|other| *other == id).count(), 1, "{id} was shown as approved");
    }
    let (shown, booked) = (approved.len(), booked.len());
    println!("{ROUNDS} kills, {shown} shown as approved, {booked} booked");
    // at most the one that was being written at each kill
    let kills = usize::try_from(ROUNDS).unwrap();
    assert!(shown >= kills && (shown..=shown + kills).contains(&booked), "{shown} shown, {booked} booked");
    let cents = i64::try_from(booked).unwrap() * 250;
    assert_eq!(shop.house.purses(&shop.client).await, [100_000 - cents, 0], "{COFFEE}");
    shop.house.verify().await;
}

#[tokio::test]
async fn a_withdrawn_till_delivers_wipes_itself_and_says_so() {
    let shop = Shop::open(&[]).await;
    let serving = shop.house.serve();
    shop.sell(&url(&serving));
    for _ in 0..2 {
        shop.sell(NOWHERE);
    }
    shop.house.run(&["terminal", "revoke", &shop.terminal]);
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    let (printed, is_good) = shop.till(&url(&serving), &["--forward"]);
    assert!(!is_good && printed.contains("ingetrokken") && !printed.contains("undelivered"), "{printed}");
    let left: Vec<_> = std::fs::read_dir(&shop.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    shop.house.all_judged().await;
    assert_eq!(shop.house.purses(&shop.client).await, [100_000 - 3 * 250, 0]);
    shop.house.verify().await;
}

#[tokio::test]
async fn a_journal_that_cannot_be_opened_stops_no_sale_with_the_service_and_is_never_thrown_away() {
    let shop = Shop::open(&[]).await;
    let serving = shop.house.serve();
    shop.sell(&url(&serving));
    shop.sell(NOWHERE);
    let journal = shop.folder.join("journal.redb");
    let whole = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, "what a broken disk gives").unwrap();
    let (printed, is_good) = shop.sell(&url(&serving));
    assert!(is_good && printed.contains("2,50") && printed.contains("journal.redb"), "{printed}");
    let (printed, is_good) = shop.sell(NOWHERE);
    assert!(!is_good && printed.contains("beheer"), "{printed}");
    // also where it is withdrawn, as that office will do: somebody may still read it
    shop.house.run(&["terminal", "revoke", &shop.terminal]);
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    let (printed, _) = shop.till(&url(&serving), &["--status"]);
    let kept = shop.folder.join(format!("undelivered-{}.redb", shop.terminal));
    assert!(printed.contains("undelivered-"), "{printed}");
    assert_eq!(std::fs::read(kept).unwrap(), b"what a broken disk gives");
    assert!(!whole.is_empty());
    assert_eq!(shop.house.purses(&shop.client).await, [100_000 - 2 * 250, 0]);
    shop.house.verify().await;
}

#[tokio::test]
async fn tap_tells_a_card_that_it_is_blocked_and_later_that_it_works_again() {
    let shop = Shop::open(&[]).await;
    let serving = shop.house.serve();
    let id = CardOnFile::open(&shop.card).unwrap().id.to_string();
    let is_blocked = || CardOnFile::open(&shop.card).unwrap().card.state().is_blocked;
    shop.house.run(&["card", "block", &id]);
    // the service declines, and the card hears why
    let (printed, is_good) = shop.tap(&url(&serving));
    assert!(is_good && printed.contains("reden: het pasje is geblokkeerd"), "{printed}");
    assert!(printed.contains("Het pasje weet nu zelf dat het geblokkeerd is"), "{printed}");
    assert!(is_blocked());
    // from now on it declines by itself
    let (printed, is_good) = shop.tap(&url(&serving));
    assert!(!is_good && printed.contains("Dit pasje is geblokkeerd"), "{printed}");
    assert!(!printed.contains("bijgewerkt") && !printed.contains("verbinding"), "{printed}");
    shop.house.run(&["card", "unblock", &id]);
    // so it can hear that it works again from `tap` as well
    let (printed, is_good) = shop.tap(&url(&serving));
    assert!(!is_good && printed.contains("Er is niets betaald: probeer het nog een keer"), "{printed}");
    assert!(!is_blocked());
    let (printed, is_good) = shop.tap(&url(&serving));
    assert!(is_good && printed.contains("BETAALD"), "{printed}");
    assert_eq!(shop.house.purses(&shop.client).await, [100_000 - 250, 0]);
    shop.house.verify().await;
}

/// Runs it before a terminal of its own; at each question for a PIN the next is typed. What the screen showed.
fn in_terminal(command: &Command, pins: &[&str]) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut screen = Command::new("script")
        .args(["-qec", &quoted.join(" "), "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut keyboard, mut shows) = (screen.stdin.take().unwrap(), screen.stdout.take().unwrap());
    let (mut printed, mut byte) = (Vec::new(), [0]);
    for (asked_before, pin) in pins.iter().enumerate() {
        let is_asked = |printed: &[u8]| String::from_utf8_lossy(printed).matches("Pincode").count() > asked_before;
        while !is_asked(&printed) && shows.read(&mut byte).unwrap() == 1 {
            printed.push(byte[0]);
        }
        // `stty` has begun by then, and takes a moment
        std::thread::sleep(Duration::from_millis(500));
        keyboard.write_all(format!("{pin}\n").as_bytes()).unwrap();
    }
    shows.read_to_end(&mut printed).unwrap();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(screen.wait().unwrap().success(), "{printed}");
    printed
}

#[tokio::test]
async fn a_pin_is_not_seen_when_it_is_typed_and_a_tap_brings_the_card_its_script() {
    let pin = std::env::temp_dir().join(format!("pasje-pin-{}", Uuid::new_v4().simple()));
    std::fs::write(&pin, "8642").unwrap();
    // without a PIN this card pays nothing
    let shop = Shop::open(&["--pin-file", pin.to_str().unwrap(), "--pin-free", "0"]).await;
    std::fs::remove_file(&pin).unwrap();
    let card = CardOnFile::open(&shop.card).unwrap().id.to_string();
    let limits = ["--offline-tap", "777", "--offline-total", "3000", "--offline-count", "4"];
    shop.house.run(&[&["card", "limits", &card], &limits[..]].concat());
    let serving = shop.house.serve();
    let file = shop.card.to_str().unwrap();
    let mut tap = Command::new(program());
    let terminal = shop.folder.join("terminal.json");
    tap.args(["tap", "--terminal", terminal.to_str().unwrap(), "--service", &url(&serving), "--card", file, "Koffie"]);
    let till = shop.command(&url(&serving), &["--sell", "Koffie", "--card", file]);
    for (command, says) in [(&tap, "Het pasje is bijgewerkt"), (&till, "2,50")] {
        let printed = in_terminal(command, &["1357", "8642"]);
        assert!(printed.contains(says) && printed.contains("Pogingen over: 2"), "{printed}");
        assert!(!printed.contains("8642") && !printed.contains("1357"), "{printed}");
    }
    assert_eq!(CardOnFile::open(&shop.card).unwrap().card.state().limits.tap_cents, 777);
    assert_eq!(shop.house.purses(&shop.client).await, [100_000 - 2 * 250, 0]);
    // without one the service decides, and says what is missing
    let printed = in_terminal(&till, &[""]);
    assert!(printed.contains("pincode"), "{printed}");
    assert_eq!(shop.house.purses(&shop.client).await, [100_000 - 2 * 250, 0]);
}

#[tokio::test]
async fn nothing_is_stored_by_name_of_staff_that_nobody_knows() {
    let shop = Shop::open(&[]).await;
    let serving = shop.house.serve();
    shop.till(&url(&serving), &["--status"]);
    let number = shop.client.number.to_string();
    let mut till = shop.command(NOWHERE, &[]);
    let mut till = till.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    write!(till.stdin.take().unwrap(), "Douchen\nnaam {number}\nHulp\nWijn=0\n").unwrap();
    let printed = String::from_utf8(till.wait_with_output().unwrap().stdout).unwrap();
    assert!(printed.contains("meld u eerst aan") && !printed.contains("opgeslagen"), "{printed}");
    let (printed, is_good) = shop.till(&url(&serving), &["--forward"]);
    assert!(is_good && printed.contains("Verbonden"), "{printed}");
    assert_eq!(shop.house.text("SELECT count(*)::text FROM forward").await, "0");
}
