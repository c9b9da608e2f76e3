//! Which card reader, and how long it is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use firmware_sim::phrases::Language;
use firmware_sim::reader::{PcscReader, ReaderFault, ReaderOptions};

#[derive(Clone, Debug, Args)]
pub(super) struct ReaderArguments {
    /// A real card, in a reader that pcscd knows: whichever has one, or the one whose name has NAME in it
    #[arg(
        long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "",
        conflicts_with_all = ["card", "by_name"],
    )]
    reader: Option<String>,
    /// How long to wait for a card in a reader, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, requires = "reader")]
    card_seconds: u64,
    /// How long a card in a reader may take to answer, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 3000, requires = "reader")]
    card_timeout_ms: u64,
}

impl ReaderArguments {
    pub(super) const fn is_used(&self) -> bool {
        self.reader.is_some()
    }

    /// Opens it. `say` puts words on the screen; Ctrl-C ends the waiting.
    pub(super) fn open(&self, language: Language, say: Box<dyn FnMut(&str) + Send>) -> Result<PcscReader, ReaderFault> {
        self.open_until(stopped_by_ctrl_c(), language, say)
    }

    /// How it is used, wherever it is opened.
    pub(super) fn options(&self) -> ReaderOptions {
        ReaderOptions {
            name: self.reader.clone().filter(|name| !name.is_empty()),
            patience: Duration::from_secs(self.card_seconds),
            slow_after: Duration::from_millis(self.card_timeout_ms),
            stop: Arc::default(),
        }
    }

    /// The same; waiting ends when this is set.
    pub(super) fn open_until(
        &self,
        stop: Arc<AtomicBool>,
        language: Language,
        mut say: Box<dyn FnMut(&str) + Send>,
    ) -> Result<PcscReader, ReaderFault> {
        let options = ReaderOptions { stop, ..self.options() };
        PcscReader::open(options, Box::new(move |wanted| say(wanted.words(language))))
    }
}

/// Set whenever Ctrl-C is pressed.
pub(super) fn stopped_by_ctrl_c() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let pressed = Arc::clone(&stop);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            pressed.store(true, Ordering::Relaxed);
        }
    });
    stop
}
