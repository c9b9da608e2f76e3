//! The PIN of a card, as its holder types it: not to be seen.

use std::io::{IsTerminal as _, Write as _};
use std::process::{Command, Stdio};

use card_protocol::pin::PinBlock;
use firmware_sim::phrases::Language;

/// What was typed.
pub(super) enum Typed {
    Pin(PinBlock),
    /// Nothing: without a PIN, where that may be.
    Nothing,
    /// No PIN; it is asked again.
    Wrong,
}

/// Asks for it. What is typed is hidden until [`show`].
pub(super) fn ask(tries_left: Option<u8>, may_go_without: bool, language: Language) {
    let left = match tries_left {
        None => String::new(),
        Some(1) => language
            .pick("Dat klopte niet. U kunt het nog één keer proberen. ", "That was not right. You can try once more. ")
            .to_owned(),
        Some(left) => {
            let (dutch, english) = ("Dat klopte niet. Pogingen over:", "That was not right. Tries left:");
            format!("{} {left}. ", language.pick(dutch, english))
        }
    };
    let words = if may_go_without {
        language.pick("Pincode (geen: alleen Enter): ", "PIN (none: Enter alone): ")
    } else {
        language.pick("Pincode (Enter: stoppen): ", "PIN (Enter: stop): ")
    };
    print!("\n {left}{words}");
    // the screen may be gone; the till goes on
    let _ = std::io::stdout().flush();
    set_echo(false);
}

/// What is typed is seen again.
pub(super) fn show() {
    set_echo(true);
    println!();
}

/// What was typed, if it is a PIN.
pub(super) fn read(line: &str, language: Language) -> Typed {
    if line.trim().is_empty() {
        return Typed::Nothing;
    }
    match PinBlock::of_digits(line.trim().as_bytes()) {
        Ok(pin) => Typed::Pin(pin),
        Err(_) => {
            println!(" {}", language.pick("Een pincode heeft 4 tot 8 cijfers.", "A PIN has 4 to 8 digits."));
            Typed::Wrong
        }
    }
}

/// Whether what is typed is shown. Where there is no terminal there is nothing to hide.
fn set_echo(is_on: bool) {
    if std::io::stdin().is_terminal() {
        let word = if is_on { "echo" } else { "-echo" };
        // without `stty` the digits are seen, and the till works
        let _ = Command::new("stty").arg(word).stdin(Stdio::inherit()).status();
    }
}
