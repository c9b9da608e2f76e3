//! Puts a virtual card into the reader of vsmartcard's vpcd, so that pcscd, and whoever speaks to it, sees a real one.
//!
//! vpcd listens, and a card is who connects. Messages have their length before them, in two bytes. Those of one byte are
//! about power and the answer to reset; all others are commands.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::linux::net::TcpStreamExt as _;
use std::thread;
use std::time::Duration;

use card_protocol::frame::{self, AnswerFrame, Status};

use crate::card::{Card, CardReader as _, Memory};

/// Where vpcd listens if nothing else is said.
pub const ADDRESS: &str = "127.0.0.1:35963";

/// The answer to reset of a contactless card: T=0 and T=1, no historical bytes.
const ANSWER_TO_RESET: [u8; 5] = [0x3b, 0x80, 0x80, 0x01, 0x01];

const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const GET_ATR: u8 = 4;

/// How a card misbehaves, to see that a terminal stands it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Misbehaviour {
    /// Does what this command asks (the first is 1), and leaves without an answer.
    pub tear_after: Option<u32>,
    /// Answers so much later.
    pub slow: Duration,
    /// Is of somebody else: it knows no application of ours.
    pub is_foreign: bool,
    /// Answers nothing, and stays.
    pub is_empty: bool,
    /// Cannot sign.
    pub has_no_keys: bool,
}

/// Why a card is no longer in the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// As it was told to: see [`Misbehaviour::tear_after`].
    Torn,
    /// vpcd is gone, or the card was taken out.
    Gone,
}

/// Connects to vpcd: from now on the reader has a card.
///
/// # Errors
/// There is no vpcd.
pub fn insert(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Answers commands until the card leaves.
///
/// # Errors
/// The connection broke.
pub fn serve<M: Memory>(mut stream: TcpStream, card: &mut Card<M>, how: Misbehaviour) -> io::Result<Left> {
    let mut count = 0;
    while let Some(message) = receive(&mut stream)? {
        match message.as_slice() {
            [POWER_OFF | POWER_ON | RESET] => card.leave_field(),
            [GET_ATR] => send(&mut stream, &ANSWER_TO_RESET)?,
            [_] | [] => {}
            command => {
                count += 1;
                let answer = respond(card, command, how);
                thread::sleep(how.slow);
                if how.tear_after == Some(count) {
                    return Ok(Left::Torn);
                }
                send(&mut stream, answer.as_bytes())?;
            }
        }
    }
    card.leave_field();
    Ok(Left::Gone)
}

fn respond<M: Memory>(card: &mut Card<M>, command: &[u8], how: Misbehaviour) -> AnswerFrame {
    if how.is_empty {
        frame::torn()
    } else if how.is_foreign {
        frame::answer(&[], Status::NOT_FOUND)
    } else if how.has_no_keys && command.starts_with(&[0x80]) {
        frame::answer(&[], Status::NOT_NOW)
    } else {
        card.transmit(command)
    }
}

/// None if the other side has gone.
fn receive(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    // vpcd sends length and message apart, and waits for the first to be acknowledged: 44 ms without this. Linux forgets it
    stream.set_quickack(true)?;
    match stream.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    stream.set_quickack(true)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(Some(message))
}

fn send(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    // no answer of a card is longer than two bytes can say
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    stream.write_all(&[&length.to_be_bytes(), message].concat())
}
