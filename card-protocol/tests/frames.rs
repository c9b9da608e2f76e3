//! Frames and records: what is taken apart, what is refused, and that nothing is cut off.

#![allow(missing_docs)]

use card_protocol::frame::{
    Authorised, Command, Instruction, Last, Selected, Status, answer, decode_answer, get_last, select,
};
use card_protocol::personalise::{Personalise, PutKeys};
use card_protocol::pin::PinBlock;
use card_protocol::script::Script;
use card_protocol::{CardAnswer, Malformed, MasterKey, Secret, VERSION};

const HEADER: [u8; 4] = [0x80, 0x10, 0x01, 0x02];

fn decoded(rest: &[u8]) -> Result<(usize, u8), Malformed> {
    let mut bytes = [0; 300];
    let (header, after) = bytes.split_at_mut(HEADER.len());
    header.copy_from_slice(&HEADER);
    if let Some(place) = after.get_mut(..rest.len()) {
        place.copy_from_slice(rest);
    }
    let command = Command::decode(bytes.get(..HEADER.len() + rest.len()).unwrap_or_default())?;
    assert_eq!((command.class, command.instruction, command.parameters), (0x80, 0x10, [0x01, 0x02]));
    Ok((command.data.len(), command.data.first().copied().unwrap_or_default()))
}

#[test]
fn the_four_cases_of_a_short_apdu_are_taken_apart() {
    assert_eq!(decoded(&[]), Ok((0, 0)), "header");
    for expected in 0..=u8::MAX {
        assert_eq!(decoded(&[expected]), Ok((0, 0)), "header and expected length {expected}");
    }
    let mut rest = [0xaa; 257];
    for length in 1..=u8::MAX {
        rest[0] = length;
        let end = 1 + usize::from(length);
        let whole = Ok((usize::from(length), 0xaa));
        assert_eq!(decoded(rest.get(..end).unwrap_or_default()), whole, "data of {length}");
        assert_eq!(decoded(rest.get(..=end).unwrap_or_default()), whole, "data of {length} and expected length");
    }
}

#[test]
fn a_length_that_lies_is_refused() {
    let rest = [0x03; 257];
    for (length, given) in [(2, 4), (2, 5), (2, 255), (3, 1), (3, 2), (3, 5), (255, 1), (255, 254), (1, 3)] {
        let mut rest = rest;
        rest[0] = length;
        assert_eq!(decoded(rest.get(..=given).unwrap_or_default()), Err(Malformed::Length), "{length}, {given} given");
    }
    // an extended APDU: 00 and a length of two bytes
    for rest in [&[0, 0][..], &[0, 0, 0], &[0, 0, 1, 0xaa], &[0, 0, 1, 0xaa, 0, 0]] {
        assert_eq!(decoded(rest), Err(Malformed::Length), "{rest:?}");
    }
    for length in 0..HEADER.len() {
        assert_eq!(Command::decode(HEADER.get(..length).unwrap_or_default()), Err(Malformed::Length));
    }
}

#[test]
fn class_then_instruction_then_parameters_decide_what_a_command_is() {
    let known = |header: &[u8]| Command::decode(header).map(|command| command.known());
    for (command, instruction) in [(select(), Instruction::Select), (get_last(), Instruction::GetLast)] {
        assert_eq!(known(command.as_bytes()), Ok(Ok(instruction)));
    }
    for (header, instruction) in [
        ([0x00, 0x20, 0x00, 0x80], Instruction::Verify),
        ([0x00, 0xda, 0x01, 0x01], Instruction::PutData),
        ([0x00, 0xda, 0x01, 0xff], Instruction::PutData),
        ([0x00, 0xda, 0x02, 0x00], Instruction::PutData),
    ] {
        assert_eq!(known(&header), Ok(Ok(instruction)), "{header:?}");
    }
    for (header, status) in [
        ([0x01, 0xff, 9, 9], Status::NO_CLASS),
        ([0x90, 0x10, 0, 0], Status::NO_CLASS),
        ([0x80, 0x11, 9, 9], Status::NO_INSTRUCTION),
        ([0x80, 0xa4, 4, 0], Status::NO_INSTRUCTION),
        ([0x00, 0x10, 0, 0], Status::NO_INSTRUCTION),
        ([0x80, 0x20, 0, 0x80], Status::NO_INSTRUCTION),
        ([0x80, 0xda, 2, 0], Status::NO_INSTRUCTION),
        ([0x00, 0x20, 0, 0], Status::WRONG_PARAMETERS),
        ([0x00, 0x20, 1, 0x80], Status::WRONG_PARAMETERS),
        ([0x00, 0xda, 0, 0], Status::WRONG_PARAMETERS),
        ([0x00, 0xda, 1, 0], Status::WRONG_PARAMETERS),
        ([0x00, 0xda, 2, 1], Status::WRONG_PARAMETERS),
        ([0x00, 0xda, 3, 0], Status::WRONG_PARAMETERS),
        ([0x00, 0xa4, 0, 0], Status::WRONG_PARAMETERS),
        ([0x00, 0xa4, 4, 0x0c], Status::WRONG_PARAMETERS),
        ([0x80, 0x14, 0, 1], Status::WRONG_PARAMETERS),
    ] {
        assert_eq!(known(&header), Ok(Err(status)), "{header:?}");
    }
}

#[test]
fn no_answer_is_cut_off() {
    let data = [0xaa; Last::LENGTH + 3];
    for (length, sent) in [(0, 0), (1, 1), (Last::LENGTH, Last::LENGTH), (Last::LENGTH + 1, 0), (Last::LENGTH + 3, 0)] {
        let frame = answer(data.get(..length).unwrap_or_default(), Status::OK);
        let expected = data.get(..sent).unwrap_or_default();
        assert_eq!(decode_answer(frame.as_bytes()), Ok((expected, Status::OK)), "{length}");
    }
    assert_eq!(decode_answer(&[]), Err(Malformed::Length));
    assert_eq!(decode_answer(&[0x90]), Err(Malformed::Length), "a torn tap");
}

#[test]
fn what_is_decoded_has_the_same_bytes_again_or_is_refused() {
    // every byte at every place, over a base of zeros: codes and flags out of range are refused, all else is kept
    fn check<const N: usize>(accepted: usize, again: impl Fn(&[u8]) -> Result<[u8; N], Malformed>) {
        let mut count = 0;
        let mut bytes = [0; N];
        for at in 0..N {
            for value in 0..=u8::MAX {
                if let Some(place) = bytes.get_mut(at) {
                    *place = value;
                }
                match again(&bytes) {
                    Ok(same) => {
                        assert_eq!(same, bytes);
                        count += 1;
                    }
                    Err(why) => assert_eq!(why, Malformed::Code),
                }
            }
            if let Some(place) = bytes.get_mut(at) {
                *place = 0;
            }
        }
        assert_eq!(count, accepted);
        for length in 0..N {
            assert_eq!(again(bytes.get(..length).unwrap_or_default()), Err(Malformed::Length));
        }
        let mut longer = [0; 128];
        longer[0] = 1;
        assert_eq!(again(longer.get(..=N).unwrap_or_default()), Err(Malformed::Length));
    }
    check(46 * 256 + 3 + 2, |bytes| Authorised::decode(bytes).map(|it| it.encode()));
    check(94 * 256 + 3 + 3 + 2, |bytes| Last::decode(bytes).map(|it| it.encode()));
    check(40 * 256 + 3, |bytes| CardAnswer::decode(bytes).map(|it| it.encode()));
    // no change has the code 0, and the five that there are have parameters of zeros here
    check(5, |bytes: &[u8]| Script::decode(bytes).map(|it| it.encode()));
}

#[test]
fn another_version_and_unknown_flags_are_refused() {
    let selected = Selected { card: [5; 16], generation: 2, is_blocked: true, has_pin: false, is_blank: false };
    let mut bytes = selected.encode();
    assert_eq!(Selected::decode(&bytes), Ok(selected));
    for state in 8..=u8::MAX {
        bytes[18] = state;
        assert_eq!(Selected::decode(&bytes), Err(Malformed::Code), "{state}");
    }
    bytes[18] = 3;
    assert_eq!(Selected::decode(&bytes), Ok(Selected { has_pin: true, ..selected }));
    bytes[18] = 4;
    assert_eq!(Selected::decode(&bytes), Ok(Selected { is_blocked: false, is_blank: true, ..selected }));
    bytes[0] = VERSION + 1;
    assert_eq!(Selected::decode(&bytes), Err(Malformed::Code));
}

#[test]
fn a_pin_is_4_to_8_digits_filled_up() {
    for (digits, filled) in [
        (&b"1234"[..], [0x31, 0x32, 0x33, 0x34, 0xff, 0xff, 0xff, 0xff]),
        (b"00000", [0x30, 0x30, 0x30, 0x30, 0x30, 0xff, 0xff, 0xff]),
        (b"98765432", [0x39, 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32]),
    ] {
        let pin = PinBlock::of_digits(digits);
        assert_eq!(pin.as_ref().map(PinBlock::expose), Ok(&filled));
        assert_eq!(pin, PinBlock::decode(&filled));
    }
    for digits in [&b""[..], b"123", b"123456789"] {
        assert_eq!(PinBlock::of_digits(digits), Err(Malformed::Length), "{digits:?}");
    }
    for digits in [&b"123a"[..], b"12 4", b"12-45", b"1234\xff6"] {
        assert_eq!(PinBlock::of_digits(digits), Err(Malformed::Code), "{digits:?}");
    }
    for block in [[0xff; 8], [0x31, 0x32, 0x33, 0xff, 0xff, 0xff, 0xff, 0xff], [0; 8], *b"1234\xff6\xff\xff"] {
        assert_eq!(PinBlock::decode(&block), Err(Malformed::Code), "{block:?}");
    }
    for length in [0, 4, 7, 9] {
        assert_eq!(PinBlock::decode([0x31; 9].get(..length).unwrap_or_default()), Err(Malformed::Length), "{length}");
    }
}

#[test]
fn personalisation_is_taken_apart_as_it_was_put_together() {
    let keys = MasterKey::new(Secret::new([1; 32])).card_keys(&[7; 16], 3);
    let put = PutKeys { generation: 3, keys };
    let frame = put.command();
    let command = Command::decode(frame.as_bytes()).unwrap_or_else(|_| unreachable!());
    assert_eq!((command.known(), command.parameters), (Ok(Instruction::PutData), [0x01, 3]));
    assert_eq!(PutKeys::decode(3, command.data), Ok(put));
    assert_eq!(PutKeys::decode(0, command.data), Err(Malformed::Code));
    assert_eq!(PutKeys::decode(3, command.data.get(1..).unwrap_or_default()), Err(Malformed::Length));

    for pin in [None, PinBlock::of_digits(b"1234").ok()] {
        let record = Personalise {
            card: [7; 16],
            generation: 3,
            tap_limit_cents: 0x0102_0304,
            total_limit_cents: 0x0506_0708,
            count_limit: 9,
            pin,
        };
        let frame = record.command();
        let command = Command::decode(frame.as_bytes()).unwrap_or_else(|_| unreachable!());
        assert_eq!((command.known(), command.parameters), (Ok(Instruction::PutData), [0x02, 0]));
        assert_eq!(Personalise::decode(command.data), Ok(record));
        assert_eq!(Personalise::decode(command.data.get(1..).unwrap_or_default()), Err(Malformed::Length));
        let mut bytes = [0; Personalise::LENGTH];
        bytes.copy_from_slice(command.data);
        bytes[Personalise::LENGTH - 1] = 0;
        assert_eq!(Personalise::decode(&bytes), Err(Malformed::Code), "no PIN");
    }
}
