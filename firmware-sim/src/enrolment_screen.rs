//! What a terminal shows while it waits to be let in: the code in large letters, the same as a QR code, the time left.

use std::fmt::Write as _;
use std::time::Duration;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::enrolment::{CheckNumber, Code};
use crate::phrases::Language;

/// Rows of a large sign, from the top; five columns each.
type Glyph = [&'static str; 5];

const GLYPHS: &[(char, Glyph)] = &[
    ('0', [" ███ ", "█  ██", "█ █ █", "██  █", " ███ "]),
    ('1', ["  █  ", " ██  ", "  █  ", "  █  ", " ███ "]),
    ('2', ["████ ", "    █", " ███ ", "█    ", "█████"]),
    ('3', ["████ ", "    █", " ███ ", "    █", "████ "]),
    ('4', ["█   █", "█   █", "█████", "    █", "    █"]),
    ('5', ["█████", "█    ", "████ ", "    █", "████ "]),
    ('6', [" ███ ", "█    ", "████ ", "█   █", " ███ "]),
    ('7', ["█████", "    █", "   █ ", "  █  ", "  █  "]),
    ('8', [" ███ ", "█   █", " ███ ", "█   █", " ███ "]),
    ('9', [" ███ ", "█   █", " ████", "    █", " ███ "]),
    ('A', [" ███ ", "█   █", "█████", "█   █", "█   █"]),
    ('B', ["████ ", "█   █", "████ ", "█   █", "████ "]),
    ('C', [" ████", "█    ", "█    ", "█    ", " ████"]),
    ('D', ["████ ", "█   █", "█   █", "█   █", "████ "]),
    ('E', ["█████", "█    ", "███  ", "█    ", "█████"]),
    ('F', ["█████", "█    ", "███  ", "█    ", "█    "]),
    ('G', [" ████", "█    ", "█  ██", "█   █", " ████"]),
    ('H', ["█   █", "█   █", "█████", "█   █", "█   █"]),
    ('J', ["  ███", "    █", "    █", "█   █", " ███ "]),
    ('K', ["█   █", "█  █ ", "███  ", "█  █ ", "█   █"]),
    ('M', ["█   █", "██ ██", "█ █ █", "█   █", "█   █"]),
    ('N', ["█   █", "██  █", "█ █ █", "█  ██", "█   █"]),
    ('P', ["████ ", "█   █", "████ ", "█    ", "█    "]),
    ('Q', [" ███ ", "█   █", "█ █ █", "█  █ ", " ██ █"]),
    ('R', ["████ ", "█   █", "████ ", "█  █ ", "█   █"]),
    ('S', [" ████", "█    ", " ███ ", "    █", "████ "]),
    ('T', ["█████", "  █  ", "  █  ", "  █  ", "  █  "]),
    ('V', ["█   █", "█   █", "█   █", " █ █ ", "  █  "]),
    ('W', ["█   █", "█   █", "█ █ █", "██ ██", "█   █"]),
    ('X', ["█   █", " █ █ ", "  █  ", " █ █ ", "█   █"]),
    ('Y', ["█   █", " █ █ ", "  █  ", "  █  ", "  █  "]),
    ('Z', ["█████", "   █ ", "  █  ", " █   ", "█████"]),
    ('-', ["     ", "     ", " ███ ", "     ", "     "]),
    (' ', ["     ", "     ", "     ", "     ", "     "]),
];

/// Text in signs of five rows.
pub fn large(text: &str) -> String {
    let mut drawn = String::new();
    for row in 0..5 {
        drawn.push_str("  ");
        for sign in text.chars() {
            let glyph = GLYPHS.iter().find(|(known, _)| *known == sign);
            drawn.push_str(glyph.and_then(|(_, rows)| rows.get(row)).copied().unwrap_or("?????"));
            drawn.push(' ');
        }
        while drawn.ends_with(' ') {
            drawn.pop();
        }
        drawn.push('\n');
    }
    drawn
}

/// What the administrator types, for a telephone or scanner to read.
fn qr(code: &Code) -> String {
    let text = format!("pasje terminal accept {code}");
    QrCode::with_error_correction_level(text, EcLevel::M).map_or_else(
        // a picture is a convenience: the code stands above
        |_| String::new(),
        |picture| picture.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build(),
    )
}

/// A new code.
pub fn invitation(code: &Code, service: &str, language: Language) -> String {
    let mut text = String::new();
    // writing to a String cannot fail
    let _ = writeln!(text, "\n{}\n", language.pick(INVITATION.0, INVITATION.1));
    text.push_str(&large(code.as_str()));
    let _ = writeln!(text, "\n  pasje terminal accept {code} --location … --name …");
    let _ = writeln!(text, "  {}: {service}\n", language.pick("dienst", "service"));
    let _ = writeln!(text, "{}", qr(code));
    text
}

/// The line that counts down.
pub fn time_left(left: Duration, language: Language) -> String {
    let (minutes, seconds) = (left.as_secs() / 60, left.as_secs() % 60);
    match language {
        Language::Dutch => format!("nog {minutes}:{seconds:02} geldig; daarna komt er een nieuwe code"),
        Language::English => format!("good for {minutes}:{seconds:02} more; then there will be a new code"),
    }
}

/// How it ended: the number that both ends show.
pub fn enrolled(name: &str, check: CheckNumber, language: Language) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "\n{}: {name}\n", language.pick("Deze kassa is aangemeld als", "This till is enrolled as"));
    text.push_str(&large(&check.to_string()));
    let _ = writeln!(text, "\n{}", language.pick(COMPARE.0, COMPARE.1));
    text
}

const INVITATION: (&str, &str) = (
    "Deze kassa is nog niet aangemeld. Geef deze code aan de beheerder:",
    "This till is not enrolled yet. Give this code to the administrator:",
);

const COMPARE: (&str, &str) = (
    "Vergelijk dit controlegetal met dat van de beheerder. Is het een ander getal?\n\
     Gebruik de kassa dan niet, en laat de beheerder hem intrekken.",
    "Compare this check number with the administrator's. If it is another,\n\
     do not use the till, and have the administrator revoke it.",
);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::enrolment::KeyPair;

    #[test]
    fn every_sign_of_a_code_can_be_drawn_and_looks_like_no_other() {
        for (number, (sign, rows)) in GLYPHS.iter().enumerate() {
            assert!(rows.iter().all(|row| row.chars().count() == 5), "{sign}");
            assert!(GLYPHS[number + 1..].iter().all(|(_, other)| other != rows), "{sign}");
        }
        for sign in "0123456789ABCDEFGHJKMNPQRSTVWXYZ- ".chars() {
            assert!(!large(&sign.to_string()).contains('?'), "{sign}");
        }
    }

    #[test]
    fn the_screens_fit_80_columns_and_speak_both_languages() {
        let code = KeyPair::generate().unwrap().code();
        for language in [Language::Dutch, Language::English] {
            let text = invitation(&code, "https://pasje.example:8443", language)
                + &time_left(Duration::from_secs(61), language)
                + "\n"
                + language.pick(COMPARE.0, COMPARE.1);
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            assert!(text.contains(code.as_str()) && text.contains("1:01"), "{text}");
        }
        assert!(invitation(&code, "x", Language::Dutch).contains("beheerder"));
        assert!(invitation(&code, "x", Language::English).contains("administrator"));
    }

    #[test]
    fn the_picture_has_a_quiet_edge_and_is_square() {
        let picture = qr(&KeyPair::generate().unwrap().code());
        let lines: Vec<&str> = picture.lines().collect();
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == width));
        assert!(width >= 33 && lines.len() * 2 >= width && lines.len() * 2 <= width + 1, "{picture}");
        // dark on a dark screen: the edge is what shines
        assert!(lines[0].chars().all(|sign| sign == '█'), "{picture}");
    }
}
