//! The card against what every maker of one has to check it with.

use card_protocol::pin::PinBlock;
use serde_json::Value;

use super::*;

/// What every maker of a card has to check it with.
struct Vectors(Value);

impl Vectors {
    fn read() -> Self {
        Self(serde_json::from_str(include_str!("../../../../card-protocol/vectors/v1.json")).unwrap())
    }

    fn section(&self, section: &str) -> &[Value] {
        self.0[section].as_array().unwrap()
    }

    /// A field of the vector with this name.
    fn bytes(&self, section: &str, name: &str, field: &str) -> Vec<u8> {
        let vector = self.section(section).iter().find(|vector| vector["name"] == name).unwrap();
        bytes(&vector[field])
    }

    fn array<const N: usize>(&self, section: &str, name: &str, field: &str) -> [u8; N] {
        self.bytes(section, name, field).try_into().unwrap()
    }

    /// The card of the vectors, selected, before the tap with the counter 258.
    fn card(&self) -> Card<Fleeting> {
        let id = self.array("keys", "generation 1", "card");
        let names = [(1, "generation 1"), (2, "generation 2 of the same card")];
        let generations = names.map(|(number, name)| {
            let master = MasterKey::new(Secret::new(self.array("keys", name, "master")));
            Generation { number, keys: master.card_keys(&id, number) }
        });
        let state = CardState {
            counter: 0x101,
            offline_total_cents: 0x506,
            offline_count: 7,
            script_number: 0x809,
            ..CardState::new(1)
        };
        let mut card =
            Card::new(Identity { card: id, generations: generations.to_vec(), pin: None }, state, Fleeting).unwrap();
        self.drive(&mut card, "selects", "a card");
        card
    }

    /// Gives the card the vector's command; it must answer as the vector does.
    fn drive(&self, card: &mut Card<Fleeting>, section: &str, name: &str) {
        let answer = card.transmit(&self.bytes(section, name, "command"));
        assert_eq!(answer.as_bytes(), self.bytes(section, name, "answer"), "{section}: {name}");
    }

    /// Gives the card the COMPLETE of a response or script.
    fn complete(&self, card: &mut Card<Fleeting>, section: &str, name: &str) -> Vec<u8> {
        card.transmit(&self.bytes(section, name, "command")).as_bytes().to_vec()
    }
}

fn bytes(digits: &Value) -> Vec<u8> {
    let digits = digits.as_str().unwrap();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_card_answers_what_the_vectors_answer() {
    let vectors = Vectors::read();
    let tapped = || {
        let mut card = vectors.card();
        vectors.drive(&mut card, "transactions", "sale online");
        card
    };
    let mut card = tapped();
    vectors.drive(&mut card, "lasts", "signed");
    assert_eq!(vectors.complete(&mut card, "responses", "approved"), [0x90, 0x00]);
    vectors.drive(&mut card, "lasts", "completed");
    vectors.drive(&mut card, "transactions", "hold online");
    let mut card = vectors.card();
    card.state.counter = 0x103;
    card.state.is_blocked = true;
    vectors.drive(&mut card, "selects", "blocked");
    vectors.drive(&mut card, "transactions", "declined by the card");
    let mut card = vectors.card();
    card.state = CardState::new(1);
    vectors.drive(&mut card, "lasts", "never tapped");
    vectors.drive(&mut card, "transactions", "first tap of a card, of nothing that costs");
    for name in ["declined", "approved in part"] {
        assert_eq!(vectors.complete(&mut tapped(), "responses", name), [0x90, 0x00], "{name}");
    }
    for vector in vectors.section("scripts") {
        let name = vector["name"].as_str().unwrap();
        let mut card = tapped();
        // the taps of the vectors came after scripts with greater numbers than most of these
        card.state.script_number = 0;
        assert_eq!(vectors.complete(&mut card, "scripts", name), [0x90, 0x00], "{name}");
        assert_eq!(card.state().script_number.to_be_bytes(), *bytes(&vector["number"]), "{name}");
    }
}

/// A blank card that was personalised by the vectors.
fn personalised(vectors: &Vectors, personalise: &[u8]) -> Card<Fleeting> {
    let mut card = Card::blank(Fleeting);
    vectors.drive(&mut card, "selects", "blank");
    for name in ["generation 1", "generation 2 of the same card"] {
        assert_eq!(vectors.complete(&mut card, "put_keys", name), [0x90, 0x00], "{name}");
    }
    assert_eq!(card.transmit(personalise).as_bytes(), [0x90, 0x00]);
    card
}

#[test]
fn the_card_becomes_whom_the_vectors_make_it() {
    let vectors = Vectors::read();
    for vector in vectors.section("personalisations") {
        let mut card = personalised(&vectors, &bytes(&vector["command"]));
        let frame = card.transmit(select().as_bytes());
        let selected = Selected::decode(decode_answer(frame.as_bytes()).unwrap().0).unwrap();
        assert_eq!(
            (&selected.card[..], &[selected.generation][..]),
            (&bytes(&vector["card"])[..], &bytes(&vector["generation"])[..])
        );
        assert_eq!((selected.is_blank, selected.has_pin), (false, !bytes(&vector["pin"]).is_empty()));
        let limits = card.state().limits;
        assert_eq!(limits.tap_cents.to_be_bytes(), *bytes(&vector["tap_limit"]));
        assert_eq!(limits.total_cents.to_be_bytes(), *bytes(&vector["total_limit"]));
        assert_eq!([limits.count], *bytes(&vector["count_limit"]));
    }
}

#[test]
fn the_card_decides_by_itself_as_the_vectors_do() {
    let vectors = Vectors::read();
    for vector in vectors.section("offline") {
        let name = vector["name"].as_str().unwrap();
        let number = |field: &str| bytes(&vector[field]).iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let mut card = personalised(&vectors, &bytes(&vector["personalise"]));
        card.state.counter = number("counter") - 1;
        card.state.script_number = number("script_number");
        card.state.is_blocked = number("blocked") == 1;
        card.state.offline_total_cents = number("offline_total_before");
        card.state.offline_count = u8::try_from(number("offline_count_before")).unwrap();
        let answer = card.transmit(select().as_bytes());
        assert_eq!(answer.as_bytes(), bytes(&vector["select_answer"]), "{name}");
        if number("holder_verification") == 1 {
            assert_eq!(vectors.complete(&mut card, "pins", "four digits"), [0x90, 0x00], "{name}");
        }
        vectors.drive(&mut card, "offline", name);
    }
}

#[test]
fn the_card_gives_each_status_of_the_vectors() {
    let vectors = Vectors::read();
    let complete = |name| vectors.bytes("responses", name, "command");
    let authorise = vectors.bytes("transactions", "sale online", "command");
    let select = vectors.bytes("selects", "a card", "command");
    let last = vectors.bytes("lasts", "signed", "command");
    let right_pin = vectors.bytes("pins", "four digits", "command");
    let wrong_pin = vectors.bytes("pins", "five digits", "command");
    let with = |command: &[u8], at: usize, byte: u8| {
        let mut bytes = command.to_vec();
        bytes[at] = byte;
        bytes
    };
    for vector in vectors.section("statuses") {
        let name = vector["name"].as_str().unwrap();
        let mut card = vectors.card();
        if name == "dead" {
            card.state.counter = u32::MAX;
        } else if name != "not_now" {
            vectors.drive(&mut card, "transactions", "sale online");
        }
        let commands = match name {
            "done" => vec![complete("approved")],
            "wrong_length" => vec![authorise[..3].to_vec(), authorise[..50].to_vec(), [&last[..4], &[1, 5]].concat()],
            "mac_wrong" => vec![with(&complete("approved"), 45, 0), with(&complete("approved"), 13, 1)],
            "not_now" => vec![complete("approved"), complete("greatest amount")],
            "wrong_data" => {
                vec![with(&authorise, 53, 9), with(&complete("approved"), 5, 9), complete("greatest amount")]
            }
            "not_found" => vec![with(&select, 11, 2)],
            "wrong_parameters" => vec![with(&authorise, 3, 1), with(&select, 2, 0), with(&last, 2, 1)],
            "no_instruction" => vec![with(&authorise, 0, 0), with(&select, 0, 0x80), vec![0x80, 0x20, 0x00, 0x80]],
            "no_class" => vec![with(&authorise, 0, 0x90), with(&select, 0, 0x01)],
            "dead" => vec![authorise.clone()],
            "no_pin" => vec![right_pin.clone()],
            "pin_blocked" | "pin_wrong_2_left" | "pin_wrong_1_left" | "pin_wrong_0_left" => {
                card.identity.as_mut().unwrap().pin = PinBlock::of_digits(b"1234").ok();
                card.state.pin_tries_left = match name {
                    "pin_wrong_2_left" => 3,
                    "pin_wrong_1_left" => 2,
                    "pin_wrong_0_left" => 1,
                    _ => 0,
                };
                vec![if name == "pin_blocked" { right_pin.clone() } else { wrong_pin.clone() }]
            }
            _ => vec![],
        };
        assert!(!commands.is_empty(), "nothing drives the card to {name}");
        let before = *card.state();
        for command in commands {
            assert_eq!(card.transmit(&command).as_bytes(), bytes(&vector["answer"]), "{name}: {command:02x?}");
            let is_changed = name == "done" || name.starts_with("pin_wrong");
            assert_eq!(*card.state() != before, is_changed, "{name} and the card's state: {command:02x?}");
        }
    }
    assert!(!vectors.section("statuses").is_empty());
}
