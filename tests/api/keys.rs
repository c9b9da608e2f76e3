//! The key store: generations made beforehand, rotation while the service runs, refusal of old ones, and what seals the file.

use std::os::unix::fs::PermissionsExt as _;

use card_protocol::script::Change;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use chrono::{Days, Utc};
use pasje::domain::hex::{from_hex, to_hex};
use serde_json::{Value, json};

use crate::card::Terminal;
use crate::service::{COFFEE, House, RESTAURANT, Serving, read, wait_until};
use crate::virtual_card::{Signed, VirtualCard, decoded, script_of};

/// The lines of `pasje keys show` that tell of generations, without their times.
fn shown(house: &House) -> Vec<String> {
    let text = house.run(&["keys", "show"]);
    let lines = text.lines().filter(|line| line.starts_with("generation "));
    lines
        .map(|line| {
            let parts: Vec<&str> = line.split(", ").filter(|part| !part.starts_with("since ")).collect();
            parts.join(", ").split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect()
}

fn progress(house: &House) -> Vec<String> {
    let text = house.run(&["keys", "progress"]);
    let rows = text.lines().skip(1).filter(|line| !line.starts_with("to be replaced"));
    rows.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn in_days(days: u64) -> String {
    Utc::now().date_naive().checked_add_days(Days::new(days)).unwrap().to_string()
}

fn fails(house: &House, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = house.command(arguments).envs(environment.iter().copied()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// A tap's sale once the service knows of what was changed beside it: until then this outcome.
fn outcome_after(serving: &Serving, terminal: &Terminal, mut tap: impl FnMut() -> Signed, until: &str) -> Value {
    let mut answer = json!(null);
    wait_until("the running service has read the keys again", || {
        answer = serving.sell(terminal, &tap().sale()).decided();
        answer["reason"] != json!(until)
    });
    answer
}

#[tokio::test]
async fn a_rotation_reaches_new_cards_old_cards_and_the_running_service() {
    let house = House::open().await;
    let client = house.client(50_000, 0).await;
    let terminal = house.terminal(RESTAURANT);
    let (mut card, mut never_tapped) = (house.virtual_card(&client, &[]), house.virtual_card(&client, &[]));
    let serving = house.serve();
    assert_eq!(shown(&house), ["generation 1 active", "generation 2 made beforehand", "generation 3 made beforehand"]);
    assert_eq!(progress(&house), ["1 2 0 0"]);
    let before = std::fs::metadata(house.path("keys.sealed")).unwrap();
    let first = card.sell(&serving, &terminal, &[(COFFEE, 1)]).decided();

    let said = house.run(&["keys", "rotate"]);
    assert!(said.contains("generation 2 is active; 2 cards"), "{said}");
    assert_eq!(
        shown(&house),
        ["generation 1 old", "generation 2 active", "generation 3 made beforehand", "generation 4 made beforehand"]
    );
    assert_eq!(progress(&house), ["1 2 2 0"]);
    let after = std::fs::metadata(house.path("keys.sealed")).unwrap();
    assert_eq!(after.permissions().mode() & 0o777, 0o600);
    assert_ne!((before.modified().unwrap(), before.len()), (after.modified().unwrap(), after.len()));

    // an old card pays as before, hears of it, and signs with the new keys from the next tap on
    let mut script = None;
    wait_until("the card hears of it", || {
        let tap = card.tap(&terminal, &[(COFFEE, 1)]);
        assert_eq!(tap.said.generation, 1);
        let reply = serving.sell(&terminal, &tap.sale());
        assert_eq!(reply.decided()["outcome"], "approved");
        script = script_of(&reply).map(|script| decoded(script).change);
        card.complete(&reply.json()["card_answer"], script_of(&reply));
        script.is_some()
    });
    assert_eq!(script, Some(Change::ActivateGeneration(2)));
    let old = old_tap(&mut card, &terminal);
    assert_eq!(card.tap(&terminal, &[(COFFEE, 1)]).said.generation, 2);
    assert_eq!(progress(&house), ["1 2 2 0"], "the card has heard of it, and the service has not seen that yet");
    assert_eq!(card.sell(&serving, &terminal, &[(COFFEE, 1)]).decided()["outcome"], "approved");
    wait_until("what came is written", || progress(&house) == ["1 1 1 0", "2 1 0 0"]);
    // what the old keys of this card sign is not believed any more: their master key may be known
    assert_eq!(serving.sell(&terminal, &old.sale()).decided()["reason"], "card_mac_wrong");

    // a new card signs with the new keys, also with keys that were made after the service started
    for _ in 0..2 {
        house.run(&["keys", "rotate"]);
    }
    let mut new = house.virtual_card(&client, &[]);
    let tap = || new.tap(&terminal, &[(COFFEE, 1)]);
    assert_eq!(outcome_after(&serving, &terminal, tap, "card_mac_wrong")["outcome"], "approved");
    assert_eq!(new.state().generation, 4);
    // the others have keys up to 3: of 3 they are not told any more, and of 4 they cannot be
    assert_eq!(progress(&house), ["1 1 1 1", "2 1 1 1", "4 1 0 0"]);
    let said = house.run(&["keys", "progress"]);
    let named = |id: &str| said.contains(&format!("to be replaced: card {id} of {}", client.name));
    assert_eq!([card.id(), never_tapped.id(), new.id()].map(|id| named(&id)), [true, true, false], "{said}");
    wait_until("it hears of the newest that it has keys of", || {
        assert_eq!(never_tapped.sell(&serving, &terminal, &[(COFFEE, 1)]).decided()["outcome"], "approved");
        never_tapped.state().generation == 3
    });
    assert_eq!(script_of(&never_tapped.sell(&serving, &terminal, &[(COFFEE, 1)])), None);
    // what was answered under the old keys is the same bytes under them
    assert_eq!(
        serving.ask_sale(&terminal, crate::card::uuid(&first["id"])).json()["card_answer"],
        first["card_answer"]
    );
    house.verify().await;
}

/// A tap that the card's first keys signed, with a counter that was not used: as whoever knew the old master key could.
fn old_tap(card: &mut VirtualCard, terminal: &Terminal) -> Signed {
    let copy = card.file.with_extension("old.json");
    let mut file: Value = serde_json::from_str(&read(&card.file)).unwrap();
    file["state"]["generation"] = json!(1);
    let counter = file["state"]["counter"].as_u64().unwrap();
    file["state"]["counter"] = json!(counter + 50);
    std::fs::write(&copy, file.to_string()).unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut clone = VirtualCard::open(copy);
    let tap = clone.tap(terminal, &[(COFFEE, 1)]);
    assert_eq!(tap.said.generation, 1);
    tap
}

#[tokio::test]
async fn an_old_generation_is_refused_from_its_day_on_and_its_cards_hear_of_their_new_keys_all_the_same() {
    let house = House::open().await;
    let client = house.client(50_000, 0).await;
    let terminal = house.terminal(RESTAURANT);
    let mut card = house.virtual_card(&client, &[]);
    let serving = house.serve();
    assert!(fails(&house, &["keys", "rotate", "--refuse-from", &in_days(0)], &[]).contains("is not to come"));
    house.run(&["keys", "rotate", "--refuse-from", &in_days(9)]);
    assert_eq!(shown(&house)[0], format!("generation 1 old, refused from {}", in_days(9)));
    assert_eq!(serving.sell(&terminal, &card.tap(&terminal, &[(COFFEE, 1)]).sale()).decided()["outcome"], "approved");
    assert!(fails(&house, &["keys", "refuse", "2", "--from", &in_days(9)], &[]).contains("is the active one"));
    assert!(fails(&house, &["keys", "refuse", "3", "--from", &in_days(9)], &[]).contains("was never active"));
    // the day has come
    let yesterday = Utc::now().date_naive().checked_sub_days(Days::new(1)).unwrap().to_string();
    house.run(&["keys", "refuse", "1", "--from", &yesterday]);
    let mut answer = json!(null);
    wait_until("the running service refuses it", || {
        answer = serving.sell(&terminal, &card.tap(&terminal, &[(COFFEE, 1)]).sale()).decided();
        answer["outcome"] == "declined"
    });
    assert_eq!((&answer["reason"], answer.get("card_answer")), (&json!("card_expired"), None));
    // decided before the MAC: a wrong one is as old
    let mut wrong = card.tap(&terminal, &[(COFFEE, 1)]).sale();
    *wrong.pointer_mut("/payer/card/mac").unwrap() = json!("00".repeat(16));
    assert_eq!(serving.sell(&terminal, &wrong).decided()["reason"], "card_expired");
    // the card can still be told of its new keys, and then pays
    assert_eq!(card.fetch(&serving, &terminal).map(|script| script.change), Some(Change::ActivateGeneration(2)));
    assert_eq!(card.sell(&serving, &terminal, &[(COFFEE, 1)]).decided()["outcome"], "approved");
    house.run(&["keys", "refuse", "1"]);
    assert_eq!(shown(&house)[0], "generation 1 old");
    house.verify().await;
}

/// Seals as the first version of the file was sealed.
fn seal_first_version(house: &House, content: &Value) -> [u8; 32] {
    let seal: [u8; 32] = from_hex(&to_hex(&std::array::from_fn::<u8, 32, _>(|at| u8::try_from(at).unwrap()))).unwrap();
    let (magic, nonce) = (b"pasje keys    1\n", [7; 24]);
    let text = content.to_string();
    let payload = Payload { msg: text.as_bytes(), aad: magic };
    let sealed = XChaCha20Poly1305::new(&Key::from(seal)).encrypt(&XNonce::from(nonce), payload).unwrap();
    std::fs::write(house.path("keys.sealed"), [&magic[..], &nonce, &sealed].concat()).unwrap();
    seal
}

#[tokio::test]
async fn a_file_with_one_generation_opens_and_gets_the_next_ones() {
    let house = House::open().await;
    let client = house.client(50_000, 0).await;
    let content = json!({"generation": 1, "masters": {"1": "11".repeat(32)}, "terminals": "22".repeat(32)});
    let seal = to_hex(&seal_first_version(&house, &content));
    let environment = [("PASJE_KEYS_SEAL", seal.as_str())];
    let run = |arguments: &[&str]| {
        let output = house.command(arguments).envs(environment).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // as the database stood when the program knew one generation only
    let known = card_protocol::Secret::new([0x11; 32]);
    let check = to_hex(known.derive(b"PASJE check", &[&[1]]).expose());
    house.sql(&format!("INSERT INTO key_check VALUES (1, decode('{check}', 'hex'))")).await;
    let text = run(&["keys", "show"]);
    for line in ["generation 1   active", "generation 2   made beforehand", "generation 3   made beforehand"] {
        assert!(text.contains(line), "{text}");
    }
    // what was there stays
    let file = house.path("card.json");
    run(&["card", "issue", "--wallet", &client.number.to_string(), "--out", file.to_str().unwrap()]);
    let issued: Value = serde_json::from_str(&read(&file)).unwrap();
    let card = crate::card::uuid(&issued["card"]);
    let master = card_protocol::MasterKey::new(known);
    use card_protocol::Key as _;
    let expected = to_hex(master.transaction_key(card.as_bytes(), 1).secret().expose());
    assert_eq!(issued["keys"][0]["transaction"], json!(expected));
    assert_eq!(issued["keys"].as_array().unwrap().len(), 3);
    assert!(run(&["card", "show", &card.to_string()]).contains("generation 1; has keys up to 3"));
    let other = fails(&house, &["keys", "show"], &[("PASJE_KEYS_SEAL", &"33".repeat(32))]);
    assert!(other.contains("does not open with the key in PASJE_KEYS_SEAL"), "{other}");
}

#[tokio::test]
async fn a_copy_of_the_file_from_before_rotations_is_found_out_when_its_keys_are_needed() {
    let house = House::open().await;
    house.run(&["keys", "show"]);
    let (file, copy) = (house.path("keys.sealed"), house.path("copy"));
    std::fs::copy(&file, &copy).unwrap();
    house.run(&["keys", "rotate"]);
    let newer = std::fs::read(&file).unwrap();
    // two generations are in the old copy: it works, and says that it is old
    std::fs::copy(&copy, &file).unwrap();
    let output = house.command(&["keys", "show"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("a copy from before the last rotation"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), std::fs::read(&copy).unwrap(), "and makes no other keys of generation 4");
    std::fs::write(&file, newer).unwrap();
    for _ in 0..2 {
        house.run(&["keys", "rotate"]);
    }
    std::fs::copy(&copy, &file).unwrap();
    let said = fails(&house, &["keys", "show"], &[]);
    assert!(said.contains("has no key of generation 4") && said.contains("Copy the file"), "{said}");
    // other keys altogether
    std::fs::remove_file(&file).unwrap();
    assert!(fails(&house, &["keys", "rotate"], &[]).contains("restore the file from a backup"));
}

#[tokio::test]
async fn a_passphrase_seals_the_keys_and_no_other_opens_them() {
    let house = House::open().await;
    let client = house.client(50_000, 0).await;
    let passphrase = [("PASJE_KEYS_PASSPHRASE", "een lange wachtzin")];
    let run = |arguments: &[&str]| {
        let output = house.command(arguments).envs(passphrase).output().unwrap();
        assert!(output.status.success(), "{arguments:?} {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let short = fails(&house, &["keys", "show"], &[("PASJE_KEYS_PASSPHRASE", "geheim")]);
    assert!(short.contains("PASJE_KEYS_PASSPHRASE must hold a passphrase of at least 8 characters"), "{short}");
    assert!(!house.path("keys.sealed").exists() && !short.contains("geheim"));
    assert!(run(&["keys", "show"]).contains("sealed with what is in PASJE_KEYS_PASSPHRASE"));
    assert!(!house.path("data/keys.seal").exists(), "no key lies beside the file");
    run(&["keys", "rotate"]);
    // the head says how the key is made: 64 MiB and three passes, and another salt each time
    let head = |bytes: &[u8]| (bytes[..16].to_vec(), bytes[16..28].to_vec(), bytes[28..44].to_vec());
    let sealed = std::fs::read(house.path("keys.sealed")).unwrap();
    let (magic, parameters, salt) = head(&sealed);
    assert_eq!(magic, b"pasje keys    2\n");
    assert_eq!(parameters, [65536_u32, 3, 1].map(u32::to_be_bytes).as_flattened());
    run(&["keys", "rotate"]);
    assert_ne!(head(&std::fs::read(house.path("keys.sealed")).unwrap()).2, salt);

    for (environment, expected) in [
        (
            &[("PASJE_KEYS_PASSPHRASE", "een andere wachtzin")][..],
            "does not open with the passphrase in PASJE_KEYS_PASSPHRASE",
        ),
        (&[], "was sealed with a passphrase and not with a key: set PASJE_KEYS_PASSPHRASE"),
        (
            &[("PASJE_KEYS_SEAL", &"33".repeat(32)), passphrase[0]],
            "a key and a passphrase for the key file are both given",
        ),
    ] {
        if environment.is_empty() {
            std::fs::create_dir_all(house.path("data")).unwrap();
            std::fs::write(house.path("data/keys.seal"), "44".repeat(32)).unwrap();
        }
        let said = fails(&house, &["keys", "show"], environment);
        assert!(said.contains(expected) && !said.contains("wachtzin"), "{said}");
    }
    // as a credential of systemd, which ends with a line's end as editors write it
    let folder = house.path("credentials");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("pasje-keys-passphrase"), "een lange wachtzin\n").unwrap();
    let output = house.command(&["keys", "show"]).env("CREDENTIALS_DIRECTORY", &folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // the service takes a rotation up with it too
    let file = house.path("terminal.json");
    let (place, out) = (RESTAURANT.to_string(), file.to_str().unwrap());
    run(&["terminal", "add", "--location", &place, "--name", "Kassa", "--out", out]);
    let terminal = Terminal::read(&file);
    let serving = house.serve_with(&["--address-rate", "0", "--terminal-rate", "0"], &passphrase);
    for _ in 0..3 {
        run(&["keys", "rotate"]);
    }
    let file = house.path("card.json");
    run(&["card", "issue", "--wallet", &client.number.to_string(), "--out", file.to_str().unwrap()]);
    let mut card = VirtualCard::open(file);
    let tap = || card.tap(&terminal, &[(COFFEE, 1)]);
    assert_eq!(outcome_after(&serving, &terminal, tap, "card_mac_wrong")["outcome"], "approved");
    assert_eq!(card.state().generation, 6);
}

#[tokio::test]
async fn a_rotation_that_cannot_be_written_activates_nothing() {
    let house = House::open().await;
    house.run(&["keys", "show"]);
    house
        .sql(
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
               CREATE TRIGGER no BEFORE INSERT ON key_generation FOR EACH ROW EXECUTE FUNCTION no()",
        )
        .await;
    fails(&house, &["keys", "rotate"], &[]);
    house.sql("DROP TRIGGER no ON key_generation").await;
    assert_eq!(shown(&house)[0], "generation 1 active");
    assert_eq!(shown(&house)[1], "generation 2 made beforehand");
    // what the failed one made and sealed is used by the next, not made again
    house.run(&["keys", "rotate"]);
    assert_eq!(shown(&house)[1], "generation 2 active");
    assert_eq!(shown(&house).len(), 4);
}
