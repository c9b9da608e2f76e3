//! What an unattended machine shows: two lines of twenty characters, Dutch or English. A machine speaks to whoever stands
//! there, so it tells no reason of a decline, and no name.

use crate::phrases::{self, Language, machine};
use crate::vending::Ending;

/// Characters of a line.
pub const WIDTH: usize = 20;

/// A screen of two lines.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct MachineScreen {
    pub language: Language,
}

impl MachineScreen {
    /// What is chosen and what it costs at most, and that the card must be held up.
    pub fn choose(self, item: &str, cents: u64) -> String {
        let price = phrases::amount("EUR", cents, self.language);
        let room = WIDTH.saturating_sub(price.chars().count() + 1);
        let item: String = item.chars().take(room).collect();
        let gap = WIDTH.saturating_sub(item.chars().count() + price.chars().count());
        boxed(&format!("{item}{}{price}", " ".repeat(gap)), machine("tap", self.language))
    }

    /// Two phrases.
    pub fn say(self, first: &str, second: &str) -> String {
        boxed(machine(first, self.language), machine(second, self.language))
    }

    /// A piece is coming out.
    pub fn delivering(self, number: u32, quantity: u32) -> String {
        let of = self.language.pick("van", "of");
        boxed(machine("running", self.language), &format!("{number} {of} {quantity}"))
    }

    /// How it ended.
    pub fn ended(self, ending: &Ending) -> String {
        let first = if ending.delivered == 0 { "not_delivered" } else { "done" };
        if ending.paid_cents == 0 {
            return self.say(first, "nothing_paid");
        }
        let paid = phrases::amount("EUR", ending.paid_cents, self.language);
        boxed(machine(first, self.language), &format!("{} {paid}", machine("paid", self.language)))
    }
}

fn boxed(first: &str, second: &str) -> String {
    let edge = "─".repeat(WIDTH);
    let line = |text: &str| {
        let text: String = text.chars().take(WIDTH).collect();
        format!("│{text}{}│", " ".repeat(WIDTH - text.chars().count()))
    };
    format!("┌{edge}┐\n{}\n{}\n└{edge}┘\n", line(first), line(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lines_of_twenty_characters_hold_what_is_said() {
        let screen = |language| MachineScreen { language };
        let shown = screen(Language::Dutch).choose("Wasbeurt", 300);
        assert_eq!(shown.lines().nth(1), Some("│Wasbeurt      € 3,00│"));
        assert_eq!(shown.lines().nth(2), Some("│Houd uw pasje voor  │"));
        let shown = screen(Language::English).choose("Something with a very long name", 123_456);
        assert_eq!(shown.lines().nth(1), Some("│Something  €1,234.56│"));
        for language in [Language::Dutch, Language::English] {
            let screen = screen(language);
            let endings = [
                Ending::default(),
                Ending { delivered: 1, paid_cents: 9_999_999, came_too_late: false },
                Ending { delivered: 1, paid_cents: 0, came_too_late: true },
            ];
            let mut shown: Vec<String> = endings.iter().map(|ending| screen.ended(ending)).collect();
            shown.push(screen.choose("Something with a very long name", 123_456));
            shown.push(screen.delivering(1000, 1000));
            for shown in shown {
                assert_eq!(shown.lines().count(), 4, "{shown}");
                assert!(shown.lines().all(|line| line.chars().count() == WIDTH + 2), "{shown}");
            }
        }
    }

    #[test]
    fn a_machine_says_what_was_paid_and_never_why_not() {
        let screen = MachineScreen { language: Language::English };
        let paid = screen.ended(&Ending { delivered: 2, paid_cents: 600, came_too_late: false });
        assert!(paid.contains("Done") && paid.contains("Paid €6.00"), "{paid}");
        let nothing = screen.ended(&Ending::default());
        assert!(nothing.contains("Not delivered") && nothing.contains("Nothing paid"), "{nothing}");
    }
}
