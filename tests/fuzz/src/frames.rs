//! Every parser of the card protocol: what can be read is written again as the same bytes, so no two texts mean the same.

use card_protocol::frame::{Authorise, Authorised, Command, Complete, Last, Selected, Status, answer, decode_answer};
use card_protocol::personalise::{Personalise, PutKeys};
use card_protocol::pin::PinBlock;
use card_protocol::script::Script;
use card_protocol::{CardAnswer, LineRecord, basket_digest};

pub fn run(data: &[u8]) {
    command(data);
    if let Ok((content, status)) = decode_answer(data) {
        assert_eq!(content.len() + 2, data.len());
        if content.len() <= Last::LENGTH {
            assert_eq!(answer(content, status).as_bytes(), data);
        }
        if let Some(left) = status.tries_left() {
            assert_eq!(Status::pin_wrong(left), status);
        }
    }
    if let Ok(read) = Authorise::decode(data) {
        assert_eq!(read.encode(), data);
        is_command_with(read.command().as_bytes(), data);
    }
    if let Ok(read) = Authorised::decode(data) {
        assert_eq!(read.encode(), data);
    }
    if let Ok(read) = Selected::decode(data) {
        assert_eq!(read.encode(), data);
    }
    if let Ok(read) = Last::decode(data) {
        assert_eq!(read.encode(), data);
    }
    if let Ok(read) = CardAnswer::decode(data) {
        assert_eq!(read.encode(), data);
    }
    if let Ok(read) = Script::decode(data) {
        assert_eq!(read.encode(), data);
    }
    if let Ok(read) = Complete::decode(data) {
        is_command_with(read.command().as_bytes(), data);
    }
    if let Ok(read) = PinBlock::decode(data) {
        assert_eq!(read.expose(), data);
        is_command_with(read.command().as_bytes(), data);
    }
    if let Ok(read) = PinBlock::of_digits(data) {
        assert!((4..=8).contains(&data.len()) && data.iter().all(u8::is_ascii_digit));
        assert_eq!(PinBlock::decode(read.expose()).unwrap(), read);
    }
    if let Ok(read) = Personalise::decode(data) {
        is_command_with(read.command().as_bytes(), data);
    }
    if let Some((generation, keys)) = data.split_first()
        && let Ok(read) = PutKeys::decode(*generation, keys)
    {
        is_command_with(read.command().as_bytes(), keys);
    }
    basket(data);
}

fn command(data: &[u8]) {
    let Ok(read) = Command::decode(data) else { return };
    // header, length, data and expected length are all there is
    let length = if read.data.is_empty() { 0 } else { 1 + read.data.len() };
    assert!((4 + length..=5 + length).contains(&data.len()), "{read:?}");
    assert_eq!((read.class, read.instruction, &read.parameters[..]), (data[0], data[1], &data[2..4]));
    let _ = read.known();
}

/// A command that is written has this data, and is read as it was written.
fn is_command_with(command: &[u8], data: &[u8]) {
    let read = Command::decode(command).unwrap();
    assert_eq!(read.data, data);
    assert!(read.known().is_ok());
}

/// The digest covers every byte of the lines.
fn basket(data: &[u8]) {
    let (records, _) = data.as_chunks::<{ LineRecord::LENGTH }>();
    let read = |record: &[u8; LineRecord::LENGTH]| LineRecord {
        service: record[..16].try_into().unwrap(),
        quantity: u32::from_be_bytes(record[16..20].try_into().unwrap()),
        hold: record[20..].try_into().unwrap(),
    };
    let mut lines: Vec<LineRecord> = records.iter().map(read).collect();
    let whole = basket_digest(1, &lines).unwrap();
    assert_ne!(basket_digest(2, &lines), Some(whole));
    if let Some(last) = lines.last_mut() {
        assert_eq!(last.encode(), *records.last().unwrap());
        last.quantity ^= 1;
        assert_ne!(basket_digest(1, &lines), Some(whole));
    }
}
