//! Frames and records: what is taken apart, what is refused, and that nothing is cut off.

#![allow(missing_docs)]

use card_protocol::frame::{
    Authorised, Command, Instruction, Last, Selected, Status, answer, decode_answer, get_last, select,
};
use card_protocol::script::Script;
use card_protocol::{CardAnswer, Malformed, VERSION};

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
    for (header, status) in [
        ([0x01, 0xff, 9, 9], Status::NO_CLASS),
        ([0x90, 0x10, 0, 0], Status::NO_CLASS),
        ([0x80, 0x11, 9, 9], Status::NO_INSTRUCTION),
        ([0x80, 0xa4, 4, 0], Status::NO_INSTRUCTION),
        ([0x00, 0x10, 0, 0], Status::NO_INSTRUCTION),
        ([0x00, 0x20, 0, 0x80], Status::NO_INSTRUCTION),
        ([0x00, 0xda, 0, 0], Status::NO_INSTRUCTION),
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
    check(42 * 256 + 3 + 2, |bytes| Authorised::decode(bytes).map(|it| it.encode()));
    check(90 * 256 + 3 + 3 + 2, |bytes| Last::decode(bytes).map(|it| it.encode()));
    check(40 * 256 + 3, |bytes| CardAnswer::decode(bytes).map(|it| it.encode()));
    // no change has the code 0, and the five that there are have parameters of zeros here
    check(5, |bytes: &[u8]| Script::decode(bytes).map(|it| it.encode()));
}

#[test]
fn another_version_and_unknown_flags_are_refused() {
    let selected = Selected { card: [5; 16], generation: 2, is_blocked: true, has_pin: false, is_blank: false };
    let mut bytes = selected.encode();
    assert_eq!(Selected::decode(&bytes), Ok(selected));
    bytes[18] = 4;
    assert_eq!(Selected::decode(&bytes), Err(Malformed::Code));
    bytes[18] = 3;
    assert_eq!(Selected::decode(&bytes), Ok(Selected { has_pin: true, ..selected }));
    bytes[0] = VERSION + 1;
    assert_eq!(Selected::decode(&bytes), Err(Malformed::Code));
}
